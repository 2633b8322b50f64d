import Foundation
import TestSupport
import Testing

/// Intended differences from sqlite3 (`Docs/Compatibility.md`).
@Suite struct IntendedDifferenceTests {
  private func both(
    _ script: String, _ arguments: [String] = [":memory:"], files: [String: String] = [:]
  ) throws -> (sqlite3: ShellHarness.Result, ours: ShellHarness.Result) {
    let (expected, actual) = try Oracle.compare(arguments, input: Data(script.utf8), files: files)
    return (expected, actual)
  }

  @Test func cloneOpensTheDatabaseFirst() throws {
    let (sqlite3, ours) = try both(".clone x\n")
    #expect(sqlite3.errors.contains("out of memory"))
    #expect(ours.errors.isEmpty && ours.code == 0)
  }

  @Test func aWriteThatFailedIsNoSuccess() throws {
    let (sqlite3, ours) = try both(
      "select quote(writefile('/dev/full','abc')), quote(writefile('/dev/full',zeroblob(100000))), writefile('/dev/full','');\n"
    )
    #expect(sqlite3.output == "3|NULL|0\n")
    #expect(ours.output == "NULL|NULL|0\n")
  }

  @Test func aNameThatNoArchiveHoldsIsRefused() throws {
    let (sqlite3, ours) = try both(
      "select length(zipfile(printf('%.*c',65535,'a'),'x'));\nselect length(zipfile(printf('%.*c',70000,'a'),'x'));\n"
    )
    #expect(sqlite3.output == "131187\n9045\n")
    #expect(ours.output == "131187\n")
    #expect(ours.errors.contains("too large"), "\(ours.errors)")
  }

  /// Faults of sqlite3 3.41 to 3.46 that later versions do not have.
  @Test(arguments: [
    (
      ".testcase a\nselect 1;\n.check 1\n.testcase b\nselect 2;\n.check 3\n", "testcase-a ok\n",
      "testcase-b FAILED"
    ),
    (".mode json\nselect char(7) a;\n", "[{\"a\":\"\\u0007\"}]\n", ""),
    (".output --bom x\nselect 1;\n.output\nselect hex(readfile('x'));\n", "EFBBBF310A\n", ""),
    (
      ".shell echo 1 > f\n.import f no.t\n.import --schema nope f t\n", "",
      "\"nope\".\"t\"(\n\"1\" TEXT)\n failed:\nunknown database \"nope\""
    ),
    ("select quote(decimal_add('1', null));\n", "NULL\n", ""),
    (
      "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n.dbconfig dqs_ddl\n",
      "            dqs_ddl on\n", ""
    ),
  ]) func faultsOfLaterVersionsAreNotCopied(_ script: String, _ output: String, _ complaint: String) throws {
    let ours = try ShellHarness.run(ShellHarness.program, [":memory:"], input: Data(script.utf8))
    #expect(ours.output == output, "\(ours)")
    #expect(ours.errors.contains(complaint) || complaint.isEmpty, "\(ours)")
  }

  @Test func anOptionWithoutItsWordIsAnError() throws {
    let (sqlite3, ours) = try both("", [":memory:", "-nonce"])
    if Oracle.version.isBefore("3.42") { #expect(sqlite3.code != 1) }
    #expect(ours.errors.contains("missing argument to -nonce"))
    #expect(ours.code == 1)
  }

  @Test func aDumpHoldsNoQueryPlans() throws {
    let (sqlite3, ours) = try both("create table t(a);\n.eqp on\n.dump\n")
    #expect(sqlite3.output.contains("QUERY PLAN"))
    #expect(!ours.output.contains("QUERY PLAN"))
    #expect(ours.output.contains("CREATE TABLE t(a);"))
  }

  @Test func traceShowsTheStatementsBehindOurOwnCommands() throws {
    let (sqlite3, ours) = try both("create table t(a);\n.trace stdout\n.tables\n")
    #expect(sqlite3.output != ours.output)
    #expect(ours.output.contains("sqlite_schema") && ours.output.hasSuffix("t\n"))
  }

  @Test func theShellWorksAfterAnOpenThatFailed() throws {
    let (sqlite3, ours) = try both(".open nodir/x\ncreate table t(a);\n.schema\n")
    if Oracle.version.isBefore("3.42") {
      #expect(sqlite3.errors.contains("no such function: shell_add_schema"))
    }
    #expect(!ours.errors.contains("no such function"))
    #expect(ours.output.contains("CREATE TABLE t(a);"))
  }

  @Test func versionNamesTheLibraryAlone() throws {
    let (sqlite3, ours) = try both(".version\n")
    #expect(sqlite3.output.hasPrefix(ours.output))
    #expect(ours.output.hasPrefix("SQLite 3."))
  }

  @Test func expertLeavesNoFunctionsBehind() throws {
    let functions = "select name,narg,flags from pragma_function_list order by 1,2,3;\n"
    let script = """
      create table t(a,b); insert into t values(1,2),(3,4); create temp table mine(x);
      \(functions).print =====
      .expert --sample 50
      select * from t where b=2;
      .expert --verbose
      select * from t where a=2;
      .print =====
      \(functions)select name,type from sqlite_schema union all select name,type from sqlite_temp_schema;
      select name from pragma_database_list;
      select sample();
      select rem(1,1);

      """
    let (sqlite3, ours) = try both(script)
    let parts = ours.output.components(separatedBy: "=====\n")
    #expect(parts.count == 3 && parts[2] == parts[0] + "t|table\nmine|table\nmain\ntemp\n")
    #expect(ours.errors.contains("no such function: sample"))
    #expect(ours.errors.contains("no such function: rem"))
    if Oracle.version.isBefore("3.42") { #expect(sqlite3.output.contains("\nsample|0|")) }
  }

  @Test func aCloneOfVirtualTablesIsWhole() throws {
    let script = """
      create virtual table f using fts5(x);
      insert into f values('one two'),('gone'),('two three');
      delete from f where rowid=2;
      create virtual table r using rtree(id,a,b);
      insert into r select value,value,value+1 from generate_series(1,300);
      create table e(x); insert into e values(x''),('');
      create view v as select x from e;
      .clone copy.db
      .dump
      .open copy.db
      .print =====
      .dump
      insert into f(f) values('integrity-check');
      select rtreecheck('r');
      """
    let ours = try both(script + "\n").ours.output
    let start = ours.range(of: "/* WARNING") ?? ours.range(of: "PRAGMA")
    let dumps = ours[(try #require(start)).lowerBound...].components(separatedBy: "=====\n")
    #expect(dumps.count == 2 && dumps[1] == dumps[0] + "ok\n")
  }

  /// A mistyped `wal` is not an empty database to copy over this one.
  @Test(arguments: ["wall", "empty", "main wall", "./empty"]) func restoresFromNoFileThatHoldsNothing(
    _ words: String
  ) throws {
    let script =
      "create table t(a); insert into t values(7);\n.restore \(words)\nselect a from t;\n.shell ls\n"
    let (sqlite3, ours) = try both(script, files: ["empty": ""])
    #expect(sqlite3.errors.contains("no such table: t"))
    #expect(ours.code == 1 && ours.output == "7\nempty\n", "\(ours)")
    #expect(ours.errors.contains(".restore wal or .restore sql"))
  }
}
