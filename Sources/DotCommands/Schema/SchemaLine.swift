internal import SQLite

/// A statement of the schema as `.schema` and `.dump` show it.
enum SchemaLine {
  /// The statement with its end.
  ///
  /// A table whose name is in quotes is made `IF NOT EXISTS`, so that shadow tables may be there already.
  static func text(_ sql: String, end: String = ";\n") -> String {
    guard TextPattern.glob("CREATE TABLE ['\"]*", sql) else { return sql + end }
    return "CREATE TABLE IF NOT EXISTS " + sql.dropFirst("CREATE TABLE ".count) + end
  }
}

/// Values as SQL text.
enum SQLText {
  /// A string literal.
  static func literal(_ text: String) -> String {
    var literal = "'"
    for character in text.unicodeScalars {
      if character == "'" { literal += "'" }
      literal.unicodeScalars.append(character)
    }
    return literal + "'"
  }
}
