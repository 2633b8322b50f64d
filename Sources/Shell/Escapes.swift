internal import Bytes
internal import SQLite

/// Escapes of C in words.
package enum Escapes {
  /// Replaces `\n`, `\t`, `\101` and the like.
  ///
  /// A NUL ends the word, like a C string.
  package static func resolved(_ word: ArraySlice<UInt8>) -> [UInt8] {
    guard word.contains(UInt8(ascii: "\\")) else { return Array(word) }
    var result: [UInt8] = []
    var at = word.startIndex
    while at < word.endIndex {
      var byte = word[at]
      at += 1
      if byte == UInt8(ascii: "\\") && at < word.endIndex {
        byte = word[at]
        at += 1
        if let meaning = single[byte] {
          byte = meaning
        } else if isOctal(byte) {
          var value = Int(byte & 7)
          var digits = 1
          while digits < 3 && at < word.endIndex && isOctal(word[at]) {
            value = value << 3 + Int(word[at] & 7)
            at += 1
            digits += 1
          }
          byte = UInt8(truncatingIfNeeded: value)
        } else if byte == UInt8(ascii: "x"), Dialect.current.hasHexadecimalEscapes {
          byte = 0
          var digits = 0
          while digits < 2, at < word.endIndex, let digit = Character(UnicodeScalar(word[at])).hexDigitValue {
            byte = byte << 4 | UInt8(digit)
            at += 1
            digits += 1
          }
        }
      }
      if byte == 0 { break }
      result.append(byte)
    }
    return result
  }

  private static let single: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
    UInt8(ascii: "v"): 11, UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13,
  ]

  private static func isOctal(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "7")
  }

  /// Returns a text as a C string literal, without the quotes.
  package static func literal(_ text: [UInt8]) -> [UInt8] {
    if Dialect.current.keepsUTF8 {
      let buffer = ByteBuffer(capacity: 64)
      buffer.append(text, as: .cStringUTF8)
      return Array(buffer.bytes.dropFirst().dropLast())
    }
    var result: [UInt8] = []
    for byte in text {
      switch byte {
      case UInt8(ascii: "\\"): result += Array("\\\\".utf8)
      case UInt8(ascii: "\""): result += Array("\\\"".utf8)
      case 9: result += Array("\\t".utf8)
      case 10: result += Array("\\n".utf8)
      case 13: result += Array("\\r".utf8)
      case 0x20...0x7e: result.append(byte)
      default:
        result.append(UInt8(ascii: "\\"))
        for shift in [6, 3, 0] { result.append(UInt8(ascii: "0") + (byte >> UInt8(shift)) & 7) }
      }
    }
    return result
  }
}

/// Classes of ASCII characters, as in C's `isspace` and `isdigit`.
package enum ASCII {
  package static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (byte >= 9 && byte <= 13) }
  package static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
}
