import Bytes
import Testing

@Suite struct CellStoreTests {
  /// Returns the lines of a cell, and their size.
  private func lines(
    _ text: String, wrap: Int = 0, wordWrap: Bool = false
  ) -> (lines: [String], extent: CellStore.Extent) {
    let store = CellStore()
    let extent = store.add(Array(text.utf8), wrap: wrap, wordWrap: wordWrap)
    var lines: [String] = []
    var cursor = 0
    var hasMore = true
    while hasMore {
      let out = ByteBuffer()
      hasMore = store.appendLine(at: &cursor, to: out, width: 0, .left)
      lines.append(out.string)
    }
    var end = 0
    store.skipCell(&end)
    #expect(end == cursor)
    return (lines, extent)
  }

  @Test func breaksLines() {
    #expect(lines("").lines == [""])
    #expect(lines("a\nb").lines == ["a", "b"])
    #expect(lines("a\r\n\nb\n").lines == ["a", "", "b"])
    #expect(lines("a\tb").lines == ["a       b"])
    #expect(lines("abcdef", wrap: 4).lines == ["abcd", "ef"])
    #expect(lines("ééééé", wrap: 4).lines == ["éééé", "é"])
    #expect(lines("the quick fox", wrap: 6, wordWrap: true).lines == ["the ", "quick ", "fox"])
  }

  @Test func countsCodePoints() {
    #expect(lines("日本").extent.width == 2)
    #expect(lines("a\nbcd").extent.width == 3)
    #expect(lines("a\nbcd").extent.isMultiLine)
    #expect(!lines("abc").extent.isMultiLine)
  }

  @Test func fillsUp() {
    let store = CellStore()
    _ = store.add(Array("éa".utf8), wrap: 0, wordWrap: false)
    for (alignment, expected) in [
      (CellStore.Alignment.left, "éa   "), (.right, "   éa"), (.center, " éa  "),
    ] {
      var cursor = 0
      let out = ByteBuffer()
      _ = store.appendLine(at: &cursor, to: out, width: 5, alignment)
      #expect(out.string == expected)
    }
  }

  @Test func keepsLongLines() {
    let text = String(repeating: "x", count: 100_000)
    #expect(lines(text).lines == [text])
    #expect(lines(text + "é").lines == [text + "é"])
    #expect(lines(text, wrap: 30_000).lines.map(\.count) == [30_000, 30_000, 30_000, 10_000])
  }
}
