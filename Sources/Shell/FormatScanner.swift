internal import Bytes

/// Reads a line by a pattern, like the C function `sscanf`.
struct FormatScanner {
  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func skipSpaces() {
    while at < bytes.count && ASCII.isSpace(bytes[at]) { at += 1 }
  }

  /// Skips a text; each blank of it stands for any amount of white space.
  mutating func skip(_ text: String) -> Bool {
    for byte in text.utf8 {
      if byte == UInt8(ascii: " ") {
        skipSpaces()
      } else {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
      }
    }
    return true
  }

  /// Reads a number after white space; a number that is too large keeps its lowest bits.
  mutating func number(radix: Int64 = 10) -> Int32? {
    skipSpaces()
    var isNegative = false
    if at < bytes.count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
      isNegative = bytes[at] == UInt8(ascii: "-")
      at += 1
    }
    if radix == 16, at + 2 < bytes.count, bytes[at] == 48, bytes[at + 1] | 0x20 == UInt8(ascii: "x"),
      digit(at: at + 2, radix) != nil
    {
      at += 2
    }
    let start = at
    var value: Int64 = 0
    while let next = digit(at: at, radix) {
      value = value &* radix &+ next
      at += 1
    }
    guard at > start else { return nil }
    return Int32(truncatingIfNeeded: isNegative ? 0 &- value : value)
  }

  private func digit(at index: Int, _ radix: Int64) -> Int64? {
    guard index < bytes.count, let value = Character(UnicodeScalar(bytes[index])).hexDigitValue, value < radix
    else { return nil }
    return Int64(value)
  }
}
