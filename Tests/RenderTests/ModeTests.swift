import Render
import SQLite
import Testing

@Suite struct ModeTests {
  /// One row with every kind of value that some mode treats specially.
  static let setup = """
    create table t(a,"b c","d'e", "longer name");
    insert into t values(1,2.5,'x',''),(null,x'00ff41','it''s',x''),
    (-9223372036854775808,1e999,'l1'||char(10)||'l2','two words'),
    ('tab'||char(9)||'q"\\<&>',-1e999,'',12345678901234567890),
    (0.1,1e100,'a'||char(0)||'b',x'61620063'),
    ('é日本','a,b|c','r'||char(13)||'n'||char(13,10)||'z'||char(1,127),'\\n\\012\\r'||char(13,10)),
    (9e-400,-0.0,x'c3c3e980',1.0),(3.0e+20,123456789.125,char(8,12,27,8364,128512),'NULL');
    create table empty(a,b);
    """
  static let queries = [
    "select * from t", "select a from t where a is null", "select * from empty", "select 1 as \"q\"\"x\"",
    "select '' as ''", "select 'x' as select_, 2 as \"select\", 3 as \"1a\", 4 as é, 5 as \"a'b\", 6 as key",
    "select 1 as \"line\nbreak\", 2 as \"tab\tx\", 3 as \"a<b\", 4 as \"back\\slash\"",
  ]

  @Test(arguments: OutputMode.choices, [false, true])
  func writesAsSQLite3(mode: OutputMode, headers: Bool) throws {
    guard mode != .json || Reference.writesJSONRightly else { return }
    var rendering = Rendering(Self.setup)
    rendering.mode(mode)
    rendering.headers(headers)
    try rendering.expectSame(Self.queries)
    rendering.set(".nullvalue \"N<\\\"'\"") { $0.nullValue = Array("N<\"'".utf8) }
    rendering.set(".separator <> \"!\\r\"") { $0.setSeparators("<>", "!\r") }
    try rendering.expectSame(Self.queries)
  }

  @Test(arguments: OutputMode.choices)
  func switchesFromModeToMode(first: OutputMode) throws {
    for second in OutputMode.choices {
      var rendering = Rendering()
      rendering.mode(first)
      rendering.mode(second)
      try rendering.expectSame(["select 1 as a, 'x y' as b union all select 2, null"])
    }
  }

  @Test func cutsSeparatorsAndNullValue() throws {
    let long = "1234567890123456789012345"
    var rendering = Rendering()
    rendering.set(".nullvalue \(long)") { $0.nullValue = Array(long.utf8) }
    rendering.set(".separator \(long) x\(long)") { $0.setSeparators(long, "x" + long) }
    try rendering.expectSame(["select 1,null,2"])
    #expect(rendering.options.nullValue.count == 19)
  }

  @Test(arguments: ["|", ";", "", "ab", "1"])
  func quotesForCSVOnlyIfNeeded(separator: String) throws {
    var rendering = Rendering()
    rendering.mode(.csv)
    rendering.set(".separator \"\(separator)\"") { $0.columnSeparator = Array(separator.utf8) }
    let cells = (1...130).map { "'x'||char(\($0)),char(\($0))" }
    try rendering.expectSame([
      "select " + cells.joined(separator: ","), "select 'a','ab','xaby','b',',',10,2",
    ])
  }

  @Test(arguments: [OutputMode.json, .tcl, .html, .insert, .quote, .line, .box])
  func escapesEveryCharacter(mode: OutputMode) throws {
    guard mode != .json || Reference.writesJSONRightly else { return }
    var rendering = Rendering()
    rendering.mode(mode)
    let cells = (0...260).map { "'x'||char(\($0))||'y' as c\($0)" }
    try rendering.expectSame(["select " + cells.joined(separator: ",")])
  }

  @Test(arguments: ["tab", "1a", "select", "a_b9", "é", "q\"\"x", "Zz$", "a b", "'quoted'"])
  func quotesTheTableNameIfNeeded(name: String) throws {
    var rendering = Rendering()
    rendering.set(".mode insert \"\(name.replacing("\"", with: "\\\""))\"") {
      OutputMode.insert.adjust(&$0)
      $0.insertTable = name
    }
    try rendering.expectSame(["select 1,'x'"])
  }

  @Test func findsAStandInForLineBreaks() throws {
    var rendering = Rendering()
    rendering.mode(.insert)
    let texts = [
      "\\n", "\\n\\012", "\\n\\012(\\n0)", "\\r", "\\r\\015", "\\r\\015(\\r0)\\n", "\\n(\\n0)", "",
    ]
    let ends = ["char(10)", "char(13)", "char(13,10)"]
    let cells = texts.flatMap { text in ends.map { "'\(text)'||\($0)||''''" } }
    try rendering.expectSame(["select " + cells.joined(separator: ",")])
  }

  @Test(arguments: [OutputMode.quote, .insert, .json, .list, .table])
  func writesNumbersAsSQLite(mode: OutputMode) throws {
    var rendering = Rendering()
    rendering.mode(mode)
    let numbers = [
      "1e15", "1e16", "123456789012345678.0", "0.1+0.2", "1.0/3", "1e-5", "4.9e-324",
      "1.7976931348623157e308",
      "-1.5", "100.0", "1e999", "-1e999", "9223372036854775807", "-0.0", "2.5e-10", "12345.678", "1e22",
      "1e23",
    ]
    try rendering.expectSame(["select " + numbers.joined(separator: ",")])
  }

  @Test(arguments: [OutputMode.quote, .insert, .json, .csv, .box])
  func writesAnyNumberAsSQLite(mode: OutputMode) throws {
    var random = ColumnarTests.Seeded(state: 42)
    let numbers = (0..<400).map { index in
      let exponent = Int.random(in: -320...308, using: &random)
      let digits = Int.random(in: 1..<1_000_000_000, using: &random)
      return index % 2 == 0 ? "\(digits)e\(exponent)" : "\(digits / 1000).\(digits % 1000)"
    }
    var rendering = Rendering()
    rendering.mode(mode)
    try rendering.expectSame(numbers.map { "select \($0) as n" })
  }
}
