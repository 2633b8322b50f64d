internal import Bytes

/// The open part of a statement being typed: a quote, a comment, parentheses.
///
/// The continuation prompt shows it in place of its first three characters.
struct OpenParts {
  private enum Inside { case nothing, quote(UInt8), comment }

  private var inside = Inside.nothing
  private var depth = 0

  /// Reads the bytes of a statement from `start` to its end.
  mutating func scan(_ statement: ByteBuffer, from start: Int) {
    var at = start
    let count = statement.count
    func next() -> UInt8 { at + 1 < count ? statement[at + 1] : 0 }
    while at < count {
      let byte = statement[at]
      switch inside {
      case .quote(let end): if byte == end { inside = .nothing }
      case .comment:
        if byte == UInt8(ascii: "*"), next() == UInt8(ascii: "/") {
          at += 1
          inside = .nothing
        }
      case .nothing:
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): inside = .quote(byte)
        case UInt8(ascii: "["): inside = .quote(UInt8(ascii: "]"))
        case UInt8(ascii: "("): depth += 1
        case UInt8(ascii: ")"): depth -= 1
        case UInt8(ascii: "/") where next() == UInt8(ascii: "*"):
          at += 1
          inside = .comment
        case UInt8(ascii: "-") where next() == UInt8(ascii: "-"):
          while at + 1 < count, statement[at + 1] != 10 { at += 1 }
        default: break
        }
      }
      at += 1
    }
  }

  /// Returns the prompt for the next line.
  ///
  /// `tail` is the text after the first three characters; a shorter prompt has the tail of the one
  /// before.
  func prompt(_ plain: String, tail: String) -> String {
    let count = plain.utf8.count
    guard count > 0 else { return plain }
    let mark: String
    switch inside {
    case .quote(let end): mark = String(UnicodeScalar(end))
    case .comment: mark = "/*"
    case .nothing:
      if depth == 0 { return plain }
      return (depth < 0 ? ")x!" : depth > 9 ? "(.." : "(x\(depth)") + tail
    }
    // A part of the prompt itself must stay.
    if count >= 3, mark.utf8.count > count - 3 { return plain }
    return mark + String(repeating: " ", count: 3 - mark.utf8.count) + tail
  }
}
