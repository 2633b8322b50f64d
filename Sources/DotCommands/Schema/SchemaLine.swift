/// A statement of the schema as `.schema` and `.dump` show it: bytes, since nobody checked that it is UTF-8.
enum SchemaLine {
  private static let create = Array("CREATE TABLE ".utf8)

  /// The statement with its end.
  ///
  /// A table whose name is in quotes is made `IF NOT EXISTS`, so that shadow tables may be there already.
  static func text(_ sql: [UInt8], end: String = ";\n") -> [UInt8] {
    let afterCreate = sql.starts(with: create) ? sql.dropFirst(create.count).first : nil
    guard afterCreate == UInt8(ascii: "'") || afterCreate == UInt8(ascii: "\"") else {
      return sql + Array(end.utf8)
    }
    return create + Array("IF NOT EXISTS ".utf8) + sql.dropFirst(create.count) + Array(end.utf8)
  }
}
