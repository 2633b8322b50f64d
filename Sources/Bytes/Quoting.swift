internal import Glibc

/// A form of text in output that another program reads.
package enum Quoting: Sendable {
  /// Unchanged.
  case plain
  /// For spreadsheets: in double quotes if needed.
  case csv
  /// A C string constant, in double quotes, in ASCII.
  case cString
  /// A C string constant, in double quotes, in UTF-8.
  case cStringUTF8
  /// With the five special characters of HTML escaped.
  case html
  /// An SQL string constant, in single quotes.
  case sql
  /// A JSON string, in double quotes; bytes from 0x7f on are unchanged.
  case json
}

extension ByteBuffer {
  /// Appends text in the given form; `separator` matters to `csv` only.
  package func append(_ text: String, as quoting: Quoting, separator: [UInt8] = []) {
    if text.holdsStandIns { return append(text.preservedBytes, as: quoting, separator: separator) }
    var text = text
    text.withUTF8 { bytes in
      if let start = bytes.baseAddress {
        append(start, bytes.count, as: quoting, separator: separator)
      } else {
        append([], as: quoting, separator: separator)
      }
    }
  }

  /// Appends bytes in the given form.
  package func append(_ text: [UInt8], as quoting: Quoting, separator: [UInt8] = []) {
    // One more byte, so that an empty buffer has an address too.
    (text + [0]).withUnsafeBufferPointer { bytes in
      if let start = bytes.baseAddress { append(start, text.count, as: quoting, separator: separator) }
    }
  }

  /// Appends `count` bytes in the given form.
  package func append(
    _ text: UnsafePointer<UInt8>, _ count: Int, as quoting: Quoting, separator: [UInt8] = []
  ) {
    switch quoting {
    case .plain: append(UnsafeRawPointer(text), count)
    case .csv: appendCSV(text, count, separator)
    case .cString: appendCString(text, count)
    case .cStringUTF8: appendCStringUTF8(text, count)
    case .html: appendHTML(text, count)
    case .sql: appendDoubling(UInt8(ascii: "'"), text, count)
    case .json: appendJSON(text, count)
    }
  }

  /// Appends text between two `quote` bytes, those inside it doubled.
  package func appendDoubling(_ quote: UInt8, _ text: UnsafePointer<UInt8>, _ count: Int) {
    append(quote)
    var rest = text
    var left = count
    while left > 0, let found = memchr(rest, Int32(quote), left) {
      let run = UnsafeRawPointer(found) - UnsafeRawPointer(rest) + 1
      append(UnsafeRawPointer(rest), run)
      append(quote)
      rest += run
      left -= run
    }
    append(UnsafeRawPointer(rest), left)
    append(quote)
  }

  /// Appends bytes as a blob literal without its quotes: two lower-case digits for each.
  package func appendHex(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
    reserve(count * 2)
    for at in 0..<count {
      append(hexDigit(bytes[at] >> 4))
      append(hexDigit(bytes[at] & 15))
    }
  }

  private func appendCSV(_ text: UnsafePointer<UInt8>, _ count: Int, _ separator: [UInt8]) {
    let isPlain =
      count > 0
      && !containsByte(text, count) { $0 <= 0x20 || $0 == 0x22 || $0 == 0x27 || $0 >= 0x7f }
      && !Kernels.contains(text, count, separator)
    if isPlain {
      append(UnsafeRawPointer(text), count)
    } else {
      appendDoubling(0x22, text, count)
    }
  }

  private func appendJSON(_ text: UnsafePointer<UInt8>, _ count: Int) {
    append(0x22)
    appendEscaping(text, count, { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }) { byte in
      append(0x5c)
      switch byte {
      case 0x22, 0x5c: append(byte)
      case 0x08: append(UInt8(ascii: "b"))
      case 0x09: append(UInt8(ascii: "t"))
      case 0x0a: append(UInt8(ascii: "n"))
      case 0x0c: append(UInt8(ascii: "f"))
      case 0x0d: append(UInt8(ascii: "r"))
      default:
        append("u00" as StaticString)
        append(hexDigit(byte >> 4))
        append(hexDigit(byte & 15))
      }
    }
    append(0x22)
  }

  private func appendCString(_ text: UnsafePointer<UInt8>, _ count: Int) {
    append(0x22)
    appendEscaping(text, count, { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c || $0 >= 0x7f }) { byte in
      append(0x5c)
      switch byte {
      case 0x22, 0x5c: append(byte)
      case 0x09: append(UInt8(ascii: "t"))
      case 0x0a: append(UInt8(ascii: "n"))
      case 0x0d: append(UInt8(ascii: "r"))
      default:
        append(0x30 + (byte >> 6))
        append(0x30 + (byte >> 3 & 7))
        append(0x30 + (byte & 7))
      }
    }
    append(0x22)
  }

  private func appendCStringUTF8(_ text: UnsafePointer<UInt8>, _ count: Int) {
    append(0x22)
    var at = 0
    while at < count {
      let length = Self.character(text + at, count - at)
      if length > 1 || text[at] >= 0x20 && text[at] < 0x7f && text[at] != 0x22 && text[at] != 0x5c {
        append(UnsafeRawPointer(text + at), length)
      } else {
        appendEscape(text[at])
      }
      at += length
    }
    append(0x22)
  }

  /// Appends one byte of a C string constant.
  private func appendEscape(_ byte: UInt8) {
    append(0x5c)
    switch byte {
    case 0x22, 0x5c: append(byte)
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0a: append(UInt8(ascii: "n"))
    case 0x0c: append(UInt8(ascii: "f"))
    case 0x0d: append(UInt8(ascii: "r"))
    default:
      append(0x30 + (byte >> 6))
      append(0x30 + (byte >> 3 & 7))
      append(0x30 + (byte & 7))
    }
  }

  /// Returns the number of bytes of the character that begins here, by its first byte and the
  /// following ones.
  ///
  /// Returns 1 if the bytes are not a character.
  private static func character(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let length =
      switch text[0] {
      case 0xc0...0xdf: 2
      case 0xe0...0xef: 3
      case 0xf0...0xf7: 4
      default: 1
      }
    guard length <= count else { return 1 }
    for at in 1..<max(length, 1) where text[at] & 0xc0 != 0x80 { return 1 }
    return length
  }

  private func appendHTML(_ text: UnsafePointer<UInt8>, _ count: Int) {
    appendEscaping(
      text, count, { $0 == 0x3c || $0 == 0x3e || $0 == 0x26 || $0 == 0x22 || $0 == 0x27 }
    ) { byte in
      switch byte {
      case 0x3c: append("&lt;" as StaticString)
      case 0x3e: append("&gt;" as StaticString)
      case 0x26: append("&amp;" as StaticString)
      case 0x22: append("&quot;" as StaticString)
      default: append("&#39;" as StaticString)
      }
    }
  }

  /// Copies runs of ordinary bytes, and passes every special one to `escape`.
  @inline(__always)
  private func appendEscaping(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ isSpecial: (UInt8) -> Bool, _ escape: (UInt8) -> Void
  ) {
    var start = 0
    for at in 0..<count where isSpecial(text[at]) {
      append(UnsafeRawPointer(text + start), at - start)
      escape(text[at])
      start = at + 1
    }
    append(UnsafeRawPointer(text + start), count - start)
  }

  @inline(__always)
  private func containsByte(
    _ text: UnsafePointer<UInt8>, _ count: Int, where matches: (UInt8) -> Bool
  ) -> Bool {
    // Without an early exit for each byte, the compiler makes vector instructions.
    var found = false
    for at in 0..<count { found = matches(text[at]) || found }
    return found
  }

  private func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
