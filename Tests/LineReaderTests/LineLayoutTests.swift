import Foundation
import Testing

@testable import LineReader

/// The positions of characters, and the text that is written over them.
@Suite struct LineLayoutTests {
  init() { setlocale(LC_CTYPE, "C.UTF-8") }

  private func places(_ line: String, prompt: String = "> ", width: Int = 10) -> [String]? {
    LineLayout(prompt: Array(prompt.utf8), line: Array(line.utf8), point: 0, width: width)?.cells.map {
      "\($0.row):\($0.column)" + String(decoding: $0.text, as: UTF8.self)
    }
  }

  @Test func rowsWrapAfterTheLastColumn() {
    #expect(places("abc", width: 4) == ["0:2a", "0:3b", "1:0c"])
    #expect(places("a日本", width: 5) == ["0:2a", "0:3日", "1:0本"])
    #expect(places("ab日", width: 5) == ["0:2a", "0:3b", "1:0日"])
    #expect(places("e\u{301}x") == ["0:2e\u{301}", "0:3x"])
    #expect(places("a\nb") == ["0:2a", "1:0b"])
    #expect(places("\u{1}b") == ["0:2^", "0:3A", "0:4b"])
    #expect(places("x", prompt: "\u{1}\u{1b}[31m\u{2}> ") == ["0:2x"])
    #expect(places("x", prompt: "first\n> ") == ["0:2x"])
  }

  @Test func whatIsNoTextHasNoLayout() {
    #expect(LineLayout(prompt: [], line: [0xff], point: 0, width: 10) == nil)
    #expect(places("x", prompt: "\u{1b}[31m> ") == nil)
  }

  @Test func coloursInPromptsTakeNoRoom() {
    #expect(LineReader.marked("\u{1b}[31mx\u{1b}[0m> ") == "\u{1}\u{1b}[31m\u{2}x\u{1}\u{1b}[0m\u{2}> ")
    #expect(LineReader.marked("sqlite> ") == "sqlite> ")
  }

  private func paint(_ paint: inout LinePaint, _ line: String, _ tints: [UInt8], drawn: String) throws
    -> String
  {
    let bytes = Array(line.utf8)
    let layout = try #require(LineLayout(prompt: [62], line: bytes, point: bytes.count, width: 10))
    return String(
      decoding: paint.paint(
        prompt: [62], line: bytes, tints: tints, layout: layout, width: 10, after: Array(drawn.utf8)[...],
        codes: { "\(30 + $0)" }), as: UTF8.self)
  }

  @Test func onlyWhatHasChangedIsWritten() throws {
    var state = LinePaint()
    #expect(try paint(&state, "ab", [0, 0], drawn: "ab") == "")
    #expect(try paint(&state, "ab1", [0, 0, 2], drawn: "1") == "\r\u{1b}[3C\u{1b}[0;32m1\u{1b}[0m")
    #expect(try paint(&state, "ab1 ", [0, 0, 2, 0], drawn: " ") == "\r\u{1b}[4C ")
    // The cursor was only moved.
    #expect(try paint(&state, "ab1 ", [0, 0, 2, 0], drawn: "\u{8}") == "")
    // The line was drawn again, without colours.
    #expect(
      try paint(&state, "ab1 ", [0, 0, 2, 0], drawn: "ab1 ")
        == "\r\u{1b}[1Cab\u{1b}[0;32m1\u{1b}[0m ")
    // Two rows: up, and down again.
    #expect(
      try paint(&state, "abcdefghij", Array(repeating: 1, count: 10), drawn: "")
        == "\r\u{1b}[1A\u{1b}[1C\u{1b}[0;31mabcdefghi\r\u{1b}[1Bj\u{1b}[0m")
  }
}
