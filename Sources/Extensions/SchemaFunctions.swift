internal import Bytes
internal import SQLite

/// Functions behind sqlite3's own schema commands: `shell_add_schema` and similar ones.
enum SchemaFunctions {
  static let all = [
    FunctionDefinition("shell_add_schema", 3, [], qualify),
    FunctionDefinition("shell_module_schema", 1) { arguments, result in
      guard let name = arguments[0].cText, let shape = shape(of: name, in: nil, result) else { return }
      result.set(text: Array("/* ".utf8) + shape + Array(" */".utf8))
    },
  ]

  /// Functions that later shells lack.
  static let former = [
    FunctionDefinition("shell_idquote", 1) { arguments, result in
      if let name = arguments[0].cText { result.set(text: quoted(name)) }
    },
    FunctionDefinition("shell_escape_crnl", 1, [], escapeLineEnds),
    FunctionDefinition("shell_int32", 2) { arguments, result in
      let index = Int(arguments[1].int32)
      arguments[0].withBlob { bytes in
        guard index >= 0, (index + 1) * 4 <= bytes.count else { return }
        let word = bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
        result.set(Int64(UInt32(bigEndian: word)))
      }
    },
  ]

  /// `shell_putsnl(X)`, which writes a line to the results.
  static func putLine(to print: @escaping @Sendable ([UInt8]) -> Void) -> FunctionDefinition {
    FunctionDefinition("shell_putsnl", 1) { arguments, result in
      print(arguments[0].cText ?? Array("(null)".utf8))
      result.set(arguments[0])
    }
  }

  private static func quoted(_ name: [UInt8]) -> [UInt8] {
    let quote = UInt8(ascii: "\"")
    return [quote] + name.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }

  private static func quotedIfNeeded(_ name: [UInt8]) -> [UInt8] {
    Identifier.needsQuotes(String(preserving: name)) ? quoted(name) : name
  }

  // MARK: Schemas

  private static let kinds = ["TABLE", "INDEX", "UNIQUE INDEX", "VIEW", "TRIGGER", "VIRTUAL TABLE"]

  /// Returns a statement with its database before the object's name, and a comment with columns
  /// that it does not show.
  @Sendable private static func qualify(_ arguments: Arguments, _ result: FunctionResult) {
    let schema = arguments[1].cText
    let name = arguments[2].cText
    guard let sql = arguments[0].cText,
      let head = kinds.map({ Array("CREATE \($0) ".utf8) }).first(where: { sql.starts(with: $0) })
    else { return result.set(arguments[0]) }
    var text = sql
    if let schema { text = head + schemaName(schema) + [UInt8(ascii: ".")] + sql.dropFirst(head.count) }
    if head[7] == UInt8(ascii: "V"), let name, let shape = shape(of: name, in: schema, result) {
      text += Array("\n/* ".utf8) + shape + Array(" */".utf8)
    }
    result.set(text: text)
  }

  /// `temp` is a keyword that needs no quotes here.
  private static func schemaName(_ name: [UInt8]) -> [UInt8] {
    String(preserving: name).lowercased() == "temp" ? name : quotedIfNeeded(name)
  }

  /// Returns a table's name with its columns in parentheses; nil if it has none.
  private static func shape(of table: [UInt8], in schema: [UInt8]?, _ result: FunctionResult) -> [UInt8]? {
    let literal = table.flatMap { $0 == 0x27 ? [0x27, 0x27] : [$0] }
    let query =
      Array("PRAGMA ".utf8) + quoted(schema ?? Array("main".utf8)) + Array(".table_info='".utf8) + literal
      + Array("'\0".utf8)
    let prepared = query.withUnsafeBytes { query in try? result.prepare(query, from: 0).0 }
    guard let statement = prepared else { return nil }
    var names: [[UInt8]] = []
    while statement.step() { names.append(quotedIfNeeded(statement.value(1).cText ?? [])) }
    guard !names.isEmpty else { return nil }
    let prefix = schema.map { schemaName($0) + [UInt8(ascii: ".")] } ?? []
    let columns = Array(names.joined(separator: Array(",".utf8)))
    return prefix + quotedIfNeeded(table) + Array("(".utf8) + columns + Array(")".utf8)
  }

  // MARK: Line ends

  /// Returns a quoted text as an expression of one line, from which SQL makes its line feeds and
  /// carriage returns.
  @Sendable private static func escapeLineEnds(_ arguments: Arguments, _ result: FunctionResult) {
    guard let text = arguments[0].cText, text.first == 0x27 else { return result.set(arguments[0]) }
    let feed = text.contains(10) ? unused("\\n", "\\012", in: text) : nil
    let back = text.contains(13) ? unused("\\r", "\\015", in: text) : nil
    guard feed != nil || back != nil else { return result.set(arguments[0]) }
    var escaped: [UInt8] = []
    for _ in 0..<((feed == nil ? 0 : 1) + (back == nil ? 0 : 1)) { escaped += Array("replace(".utf8) }
    for byte in text {
      switch byte {
      case 10: escaped += feed ?? [byte]
      case 13: escaped += back ?? [byte]
      default: escaped.append(byte)
      }
    }
    if let feed { escaped += Array(",'".utf8) + feed + Array("', char(10))".utf8) }
    if let back { escaped += Array(",'".utf8) + back + Array("', char(13))".utf8) }
    result.set(text: escaped)
  }

  /// Returns the first of two texts, or of numbered forms of the first, that is not in a text.
  private static func unused(_ first: String, _ second: String, in text: [UInt8]) -> [UInt8] {
    for candidate in [first, second] where text.firstRange(of: Array(candidate.utf8)) == nil {
      return Array(candidate.utf8)
    }
    var number = 0
    while true {
      let candidate = Array("(\(first)\(number))".utf8)
      if text.firstRange(of: candidate) == nil { return candidate }
      number += 1
    }
  }
}
