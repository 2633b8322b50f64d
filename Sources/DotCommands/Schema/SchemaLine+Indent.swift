/// The layout of `.schema --indent`.
extension SchemaLine {
  /// Statements of at least this many bytes are broken into lines.
  private static let longest = 79

  /// Returns a statement with its end: blanks are reduced, and a long one is broken at the commas
  /// of its outermost list.
  static func indented(_ sql: [UInt8]) -> [UInt8] {
    let start = String(decoding: sql.prefix(11), as: UTF8.self).uppercased()
    if start == "CREATE VIEW" || start == "CREATE TRIG" { return sql + Array(";\n".utf8) }
    let squeezed = squeeze(sql)
    return squeezed.count < longest ? text(squeezed) : broken(squeezed)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }

  /// Replaces several blanks with one, and removes blanks beside parentheses and at the ends.
  private static func squeeze(_ sql: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for byte in sql.drop(while: isSpace) {
      let isParenthesis = byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
      if isSpace(byte) {
        if result.last == 0x0d { result[result.count - 1] = 0x0a }
        if let last = result.last, isSpace(last) || last == UInt8(ascii: "(") { continue }
      } else if isParenthesis, let last = result.last, isSpace(last) {
        result.removeLast()
      }
      result.append(byte)
    }
    while let last = result.last, isSpace(last) { result.removeLast() }
    return result
  }

  private static func broken(_ sql: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var line: [UInt8] = []
    var depth = 0
    var lines = 0
    /// The byte that ends the current string, name or comment.
    var closing: UInt8?
    func flush(_ end: String) {
      output += text(line, end: end)
      line = []
    }
    var at = 0
    while at < sql.count {
      let byte = sql[at]
      // Parentheses and quotes count inside strings and comments as well.
      if byte == closing {
        closing = nil
      } else if let end = opening(sql, at) {
        closing = end
      } else if byte == UInt8(ascii: "(") {
        depth += 1
      } else if byte == UInt8(ascii: ")") {
        depth -= 1
        if lines > 0 && depth == 0 && !line.isEmpty { flush("\n") }
      }
      line.append(byte)
      at += 1
      if depth == 1 && closing == nil && endsLine(sql, at - 1) {
        if byte == 0x0a { line.removeLast() }
        flush("\n  ")
        lines += 1
        while at < sql.count && isSpace(sql[at]) { at += 1 }
      }
    }
    flush(";\n")
    return output
  }

  /// Returns the end of the quotation or comment that begins at a byte; nil if none does.
  private static func opening(_ sql: [UInt8], _ at: Int) -> UInt8? {
    switch sql[at] {
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): sql[at]
    case UInt8(ascii: "["): UInt8(ascii: "]")
    case UInt8(ascii: "-") where at + 1 < sql.count && sql[at + 1] == UInt8(ascii: "-"): 0x0a
    default: nil
    }
  }

  private static func endsLine(_ sql: [UInt8], _ at: Int) -> Bool {
    switch sql[at] {
    case UInt8(ascii: "("), 0x0a: true
    case UInt8(ascii: ","): !endsWithComment(sql, at + 1)
    default: false
    }
  }

  /// Returns whether only blanks or a comment remain on the line, which then stays together.
  private static func endsWithComment(_ sql: [UInt8], _ start: Int) -> Bool {
    var at = start
    while at < sql.count {
      if sql[at] == 0x0a { return true }
      if isSpace(sql[at]) {
        at += 1
        continue
      }
      return sql[at] == UInt8(ascii: "-") && at + 1 < sql.count && sql[at + 1] == UInt8(ascii: "-")
    }
    return true
  }
}
