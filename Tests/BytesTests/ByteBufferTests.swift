import Bytes
import Testing

@Suite struct ByteBufferTests {
  @Test(arguments: [0, 9, 10, -1, -10, 99, 100, 1_234_567_890_123, Int64.max, .min])
  func writesNumbersInDecimal(number: Int64) {
    let buffer = ByteBuffer(capacity: 64)
    for _ in 0..<5 {
      buffer.append(decimal: number)
      buffer.append(UInt8(ascii: ";"))
    }
    #expect(buffer.string == String(repeating: "\(number);", count: 5))
  }

  @Test func growsAndKeepsItsBytes() {
    let buffer = ByteBuffer(capacity: 64)
    var expected: [UInt8] = []
    for count in 0..<300 {
      buffer.append(repeating: UInt8(truncatingIfNeeded: count), count: count)
      expected += Array(repeating: UInt8(truncatingIfNeeded: count), count: count)
    }
    #expect(buffer.bytes == expected)
    buffer.removeFirst(1000)
    #expect(buffer.bytes == Array(expected.dropFirst(1000)))
  }

  static let quotings: [(Quoting, String, String)] = [
    (.plain, "a\"b'\n", "a\"b'\n"), (.csv, "", "\"\""), (.csv, "plain", "plain"), (.csv, "a,b", "\"a,b\""),
    (.csv, "a\"b", "\"a\"\"b\""), (.csv, "a b", "\"a b\""), (.csv, "é", "\"é\""), (.csv, "a;b", "a;b"),
    (.cString, "a\t\"\\\u{1}é\u{7f}", #""a\t\"\\\001\303\251\177""#),
    (.html, "<a&'\">", "&lt;a&amp;&#39;&quot;&gt;"),
    (.sql, "it's", "'it''s'"), (.sql, "''", "''''''"), (.sql, "", "''"),
    (.json, "\"\\/\u{8}\u{c}\n\r\t\u{1f}é\u{7f}", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001fé\u{7f}\""),
  ]

  @Test(arguments: quotings.indices) func quotes(_ index: Int) {
    let (quoting, text, expected) = Self.quotings[index]
    let buffer = ByteBuffer()
    buffer.append(text, as: quoting, separator: [UInt8(ascii: ",")])
    #expect(buffer.string == expected)
  }

  @Test(arguments: ["", "b", "bc", "abc", "cab", "abd", "aab", "abcabd", "aaab"])
  func findsWords(word: String) {
    let text = "aababcaabcabcabd"
    let isThere = Array(text.utf8).withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { Kernels.contains($0, bytes.count, Array(word.utf8)) }
    }
    #expect(isThere == (word.isEmpty || text.contains(word)))
  }
}
