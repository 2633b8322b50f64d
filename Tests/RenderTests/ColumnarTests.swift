import Render
import Testing

@Suite struct ColumnarTests {
  static let modes = [OutputMode.column, .table, .box, .markdown]

  /// Pseudo-random numbers that are the same in every run.
  struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) ^ (state << 31)
    }
  }

  /// Returns an SQL expression for a text of words, blanks, tabs, line breaks and the like.
  static func text(_ random: inout Seeded) -> String {
    let parts = [
      "the", "quick", "a", "lazy_dog", "1234567890", "é", "日本", " ", " ", " ", "  ", "-", ".", ",",
      "'||char(9)||'",
      "'||char(10)||'", "'||char(13)||'", "'||char(13,10)||'", "'||char(1)||'", "'||char(127)||'", "x",
      "'||cast(x'c3a9a9ff80' as text)||'",
    ]
    let count = Int.random(in: 0...14, using: &random)
    return "'" + (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined() + "'"
  }

  @Test(arguments: modes, 0..<24)
  func wrapsAsSQLite3(mode: OutputMode, seed: Int) throws {
    var random = Seeded(state: UInt64(seed) * 7919 + 1)
    _ = random.next()
    let wrap = seed % 6 == 0 ? 0 : Int.random(in: 1...14, using: &random)
    let style = ColumnStyle(wrap: wrap, wordWrap: seed % 2 == 1, quote: seed % 4 >= 2)
    var rendering = Rendering()
    rendering.mode(
      mode,
      "--wrap \(style.wrap) --wordwrap \(style.wordWrap ? "on" : "off")"
        + (style.quote ? " --quote" : " --noquote"),
      style: style)
    rendering.headers(seed % 5 != 0)
    if seed % 3 == 0 {
      rendering.widths(
        (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: -12...12, using: &random) })
    }
    let queries = (0..<12).map { _ in
      let rows = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        "(\(Self.text(&random)),\(Self.text(&random)),\(Int.random(in: -100000...100000, using: &random)))"
      }
      return "with t(\"some longer name\",a,\"tab\tbed\nname\") as (values\(rows.joined(separator: ",")))"
        + " select * from t"
    }
    for query in queries { try rendering.expectSame([query]) }
  }

  @Test(arguments: modes, [[3, -6, 0, 5], [-3], [100, -100], [1, 1, 1, 1, 1, 1]])
  func keepsWidths(mode: OutputMode, widths: [Int]) throws {
    for headers in [false, true] {
      var rendering = Rendering()
      rendering.mode(mode)
      rendering.headers(headers)
      rendering.widths(widths)
      rendering.set(".nullvalue nothing") { $0.nullValue = Array("nothing".utf8) }
      try rendering.expectSame([
        "select 'abcdef' as a, 'x' as b, 'éé' as c, 'zz' as d, null as e", "select 1 where 0",
        "select 123456, -9223372036854775808, 1.5, x'616263646566', ''",
      ])
    }
  }

  @Test(arguments: ["--wrap 5", "--ww --wrap 8", "--quote", "--wrap -5", "--wrap 0"], modes)
  func takesStyles(arguments: String, mode: OutputMode) throws {
    let styles = [
      "--wrap 5": ColumnStyle(wrap: 5), "--ww --wrap 8": ColumnStyle(wrap: 8, wordWrap: true),
      "--quote": ColumnStyle(wrap: 60, quote: true), "--wrap -5": ColumnStyle(wrap: -5),
      "--wrap 0": ColumnStyle(),
    ]
    var rendering = Rendering(ModeTests.setup)
    rendering.mode(mode, arguments, style: styles[arguments])
    try rendering.expectSame(ModeTests.queries)
  }

  @Test func leavesHeadersAloneIfTheUserChoseThem() throws {
    var rendering = Rendering()
    rendering.headers(false)
    rendering.mode(.column)
    try rendering.expectSame(["select 1 as a"])
  }
}
