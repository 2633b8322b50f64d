package import Bytes

/// How control characters of a result are shown, which could control a terminal.
///
/// They are those of ASCII, except for a tab, a line feed and a carriage return before it, and
/// those of U+0080 to U+009F.
package enum ControlEscape: String, CaseIterable, Sendable {
  /// Unchanged.
  case off
  /// `^G` for the character 7; the upper range as two characters that begin with `^[`.
  case ascii
  /// The symbol that Unicode has for it.
  case symbol

  /// Returns whether a byte may begin a control character.
  private static func isSuspicious(_ byte: UInt8) -> Bool {
    byte < 0x20 && byte != 10 && byte != 9 || byte == 0x7f || byte == 0xc2
  }

  /// Replaces the control characters of a buffer from `start` to its end.
  package func apply(to buffer: ByteBuffer, from start: Int = 0) {
    guard self != .off, (start..<buffer.count).contains(where: { Self.isSuspicious(buffer[$0]) }) else {
      return
    }
    let bytes = Array(buffer.bytes[start...])
    buffer.truncate(to: start)
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      let next: UInt8 = at + 1 < bytes.count ? bytes[at + 1] : 0
      switch byte {
      case 13 where next == 10: buffer.append(byte)
      case 0xc2 where (0x80...0x9f).contains(next):
        at += 1
        append(0x1b, to: buffer)
        buffer.append(next - 0x40)
      case _ where byte != 0xc2 && Self.isSuspicious(byte): append(byte, to: buffer)
      default: buffer.append(byte)
      }
      at += 1
    }
  }

  private func append(_ control: UInt8, to buffer: ByteBuffer) {
    if self == .ascii {
      buffer.append(UInt8(ascii: "^"))
      buffer.append(control ^ 0x40)
    } else {
      // From U+2400 on; DEL is U+2421.
      buffer.append(0xe2)
      buffer.append(0x90)
      buffer.append(control == 0x7f ? 0xa1 : 0x80 + control)
    }
  }
}
