/// Values as SQL text.
package enum SQLText {
  /// A string literal.
  package static func literal(_ text: String) -> String {
    var literal = "'"
    for character in text.unicodeScalars {
      if character == "'" { literal += "'" }
      literal.unicodeScalars.append(character)
    }
    return literal + "'"
  }
}
