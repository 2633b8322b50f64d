internal import Bytes

/// A statement of the schema for `.schema` and `.dump`: bytes, because nothing guarantees UTF-8.
enum SchemaLine {
  private static let create = Array("CREATE TABLE ".utf8)

  /// Returns the statement with its end.
  ///
  /// A table with a quoted name gets `IF NOT EXISTS`, because shadow tables may exist already.
  static func text(_ sql: [UInt8], end: String = ";\n") -> [UInt8] {
    let afterCreate = sql.starts(with: create) ? sql.dropFirst(create.count).first : nil
    guard afterCreate == UInt8(ascii: "'") || afterCreate == UInt8(ascii: "\"") else {
      return sql + ending(of: sql, end)
    }
    let rest = Array(sql.dropFirst(create.count))
    return create + Array("IF NOT EXISTS ".utf8) + rest + ending(of: sql, end)
  }

  /// Returns the end of a statement, with the end of a comment that would swallow its semicolon.
  private static func ending(of sql: [UInt8], _ end: String) -> [UInt8] {
    let marks = [Array("--".utf8), Array("/*".utf8)]
    guard end.hasPrefix(";"), marks.contains(where: { sql.firstRange(of: $0) != nil }) else {
      return Array(end.utf8)
    }
    for closing in ["", "*/", "\n"] {
      let buffer = ByteBuffer()
      var scanner = SQLScanner()
      for line in (sql + Array(closing.utf8)).split(separator: 10, omittingEmptySubsequences: false) {
        let start = buffer.count
        buffer.append(Array(line))
        scanner.scanLine(buffer, from: start)
      }
      if scanner.isCompleteWithSemicolon { return Array((closing + end).utf8) }
    }
    return Array(end.utf8)
  }
}
