internal import Bytes
internal import CSQLite

/// Values as SQL text.
package enum SQLText {
  /// Returns a string literal.
  package static func literal(_ text: String) -> String {
    var literal = "'"
    for character in text.unicodeScalars {
      if character == "'" { literal += "'" }
      literal.unicodeScalars.append(character)
    }
    return literal + "'"
  }

  /// Returns a number with a sign, one digit before the point, a number of digits after it, and a
  /// power of ten; by SQLite's own printf.
  package static func scientific(_ number: Double, digits: Int32) -> [UInt8] {
    let room = Int(digits) + 32
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: room) { text in
      guard let start = text.baseAddress else { return [] }
      csqlite_format_double(Int32(room), start, "%#+.\(digits)e", number)
      return Array(String(cString: start).utf8)
    }
  }
}
