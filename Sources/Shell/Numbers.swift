/// Reads numbers and truth values like sqlite3's commands.
package enum Numbers {
  /// Reads a whole number with an optional sign, `0x` and a size such as `K`, `MB` or `GiB`;
  /// anything else is 0.
  package static func integer(_ text: String) -> Int64 {
    var rest = Array(text.utf8)[...]
    var isNegative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      rest = rest.dropFirst()
    }
    var value: Int64 = 0
    if rest.starts(with: "0x".utf8) {
      rest = rest.dropFirst(2)
      while let byte = rest.first, let digit = Character(UnicodeScalar(byte)).hexDigitValue {
        value = value << 4 &+ Int64(digit)
        rest = rest.dropFirst()
      }
    } else {
      while let byte = rest.first, ASCII.isDigit(byte) {
        value = value &* 10 &+ Int64(byte - 48)
        rest = rest.dropFirst()
      }
    }
    let unit = String(decoding: rest, as: UTF8.self).lowercased()
    if let factor = units[unit] { value = value &* factor }
    return isNegative ? 0 &- value : value
  }

  private static let units: [String: Int64] = [
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "kb": 1000, "mb": 1_000_000, "gb": 1_000_000_000,
    "k": 1000, "m": 1_000_000, "g": 1_000_000_000,
  ]

  /// Reads a yes or no, and returns a warning for another word.
  package static func boolean(_ word: String) -> (value: Bool, warning: String?) {
    let (value, warning) = choice(word)
    return (value != 0, warning)
  }

  /// Reads a choice: a number, 1 for yes, 0 for no, and a warning for another word.
  package static func choice(_ word: String) -> (value: Int32, warning: String?) {
    let bytes = Array(word.utf8)
    let isHexadecimal = bytes.starts(with: "0x".utf8)
    let digits = isHexadecimal ? bytes.dropFirst(2) : bytes[...]
    let areDigits = digits.allSatisfy { byte in
      ASCII.isDigit(byte) || isHexadecimal && Character(UnicodeScalar(byte)).isHexDigit
    }
    if !digits.isEmpty && areDigits { return (Int32(truncatingIfNeeded: integer(word)), nil) }
    switch word.lowercased() {
    case "on", "yes": return (1, nil)
    case "off", "no": return (0, nil)
    default: return (0, "ERROR: Not a boolean value: \"\(word)\". Assuming \"no\".")
    }
  }

  /// Returns a number with this many digits after the point.
  package static func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((value.magnitude * scale).rounded())
    let fraction = String(scaled % Int64(scale))
    let padding = String(repeating: "0", count: max(0, digits - fraction.count))
    return (value < 0 && scaled > 0 ? "-" : "") + "\(scaled / Int64(scale)).\(padding)\(fraction)"
  }
}
