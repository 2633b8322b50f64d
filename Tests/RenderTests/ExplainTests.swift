import Render
import Testing

@Suite struct ExplainTests {
  static let setup = """
    create table t(a,b);
    create index ta on t(a);
    create table u(x integer primary key, y text);
    create trigger tr after insert on t begin update u set y=new.a where x=new.b;
      delete from u where x<0; end;
    create view v as select a,count(*) as n from t group by a;
    """
  static let statements = [
    "select 1", "select * from t", "select a from t where a in (select b from t) order by b desc limit 3",
    "select a,(select count(*) from t x where x.b=t.b) from t join u on u.x=t.b where y like 'a%' order by y",
    "with recursive c(n) as (select 1 union all select n+1 from c where n<5) select * from c",
    "insert into t select * from t where a>1 returning a", "delete from u where x in (1,2,3)",
    "select * from v where n>1 union select x,y from u except select 1,2",
    "select a,b,sum(b) over (partition by a order by b rows 2 preceding) from t",
    "update t set a=1,b=2 where a=3 or b=4", "create table z(a unique, b check(b>1))",
    "select * from (select a from t order by b limit 2), (select y from u group by y)",
    "select x from u where x between 1 and 5 order by x desc",
  ]

  @Test(arguments: statements)
  func listsTheProgram(sql: String) throws {
    try Rendering(Self.setup).expectSame(["explain " + sql])
  }

  @Test(arguments: statements)
  func drawsThePlan(sql: String) throws {
    try Rendering(Self.setup).expectSame(["explain query plan " + sql])
  }

  @Test func showsOtherRowsInTheSameColumns() throws {
    var rendering = Rendering()
    rendering.set(".explain on") { $0.mode = .explain }
    rendering.set(".nullvalue NIL") { $0.nullValue = Array("NIL".utf8) }
    try rendering.expectSame([
      "select 1,2,3,4,5,6,7,8,9", "select 'abcdefghijklmnopqrstu','éé',null",
      "select null as \"a long name\",1",
      "explain select 1",
    ])
  }
}
