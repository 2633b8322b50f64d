extension String {
  /// Returns the same text with escapes such as `\u001b` for characters that control a terminal.
  ///
  /// These are the control characters of ASCII and U+0080 to U+009F, also as a single byte. Other
  /// bytes that are not UTF-8 stay. With `keepingLines`, line breaks and tabs stay.
  package func escapingControls(keepingLines: Bool = false) -> String {
    let text = self
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
      if keepingLines, scalar == "\n" || scalar == "\t" { return false }
      return scalar.value < 0x20 || (0x7f...0x9f).contains(code(scalar))
    }
    // A byte that is not UTF-8 is a control character for a terminal of single bytes.
    func code(_ scalar: Unicode.Scalar) -> UInt32 { scalar.standsForByte.map { UInt32($0) } ?? scalar.value }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n" where !keepingLines: escaped += "\\n"
      case "\t" where !keepingLines: escaped += "\\t"
      case _ where isControl(scalar): escaped += "\\u" + Hex.fixed(UInt16(truncatingIfNeeded: code(scalar)))
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
