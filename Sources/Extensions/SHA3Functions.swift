internal import Bytes
internal import Digest
internal import SQLite
internal import Synchronization

/// A hash over the results of queries.
protocol RowHash {
  func update(_ bytes: UnsafeRawBufferPointer)
  func update(_ byte: UInt8)
}

extension SHA3: RowHash {}

/// `sha3(X,SIZE)` and `sha3_query(SQL,SIZE)`: SHA-3 of a value and of the rows of queries.
enum SHA3Functions {
  static let all = [
    FunctionDefinition("sha3", 1, [.deterministic, .innocuous], digest),
    FunctionDefinition("sha3", 2, [.deterministic, .innocuous], digest),
    FunctionDefinition("sha3_query", 1, .directOnly, digestRows),
    FunctionDefinition("sha3_query", 2, .directOnly, digestRows),
  ]

  /// Returns a digest of the size in the second argument; nil, with the error set, if there is no
  /// such size.
  private static func begin(_ arguments: Arguments, _ result: FunctionResult) -> SHA3? {
    let bits = arguments.count == 1 ? 256 : Int(arguments[1].int32)
    guard SHA3.sizes.contains(bits) else {
      result.fail("SHA3 size should be one of: 224 256 384 512")
      return nil
    }
    return SHA3(bits: bits)
  }

  @Sendable private static func digest(_ arguments: Arguments, _ result: FunctionResult) {
    guard let hash = begin(arguments, result) else { return }
    let argument = arguments[0]
    switch argument.storageClass {
    case .null: return
    case .blob: argument.withBlob { hash.update($0) }
    default: argument.withText { if let text = $0 { hash.update(text) } }
    }
    result.set(blob: hash.finish())
  }

  // MARK: Queries

  /// Nested queries: one may call the function again, and each takes some kilobytes of stack.
  private static let depth = Atomic(0)
  private static let deepest = 100

  /// Hashes each statement, then each of its rows, each value with its class before it.
  @Sendable private static func digestRows(_ arguments: Arguments, _ result: FunctionResult) {
    guard let hash = begin(arguments, result), read(arguments, result, into: hash) else { return }
    result.set(blob: hash.finish())
  }

  /// Returns false if there is nothing to hash, with the error set, or without one for NULL.
  static func read(_ arguments: Arguments, _ result: FunctionResult, into hash: some RowHash) -> Bool {
    guard var sql = arguments[0].cText else { return false }
    defer { depth.subtract(1, ordering: .relaxed) }
    guard depth.add(1, ordering: .relaxed).newValue <= deepest else {
      result.fail("sha3_query() is nested more than \(deepest) deep")
      return false
    }
    sql.append(0)
    return sql.withUnsafeBytes { sql in
      var at = 0
      while at < sql.count - 1 {
        let statement: InnerStatement?
        do throws(SQLiteError) {
          (statement, at) = try result.prepare(sql, from: at)
        } catch {
          let rest = String(preserving: sql[error.offset..<(sql.count - 1)])
          result.fail("error SQL statement [\(rest)]: \(error.message)")
          return false
        }
        guard let statement else { continue }
        guard statement.isReadOnly else {
          result.fail("non-query: [\(String(preserving: statement.sql))]")
          return false
        }
        let text = statement.sql
        text.withUnsafeBytes { head("S", $0.count, hash, $0) }
        let columns = statement.columnCount
        while statement.step() {
          hash.update(UInt8(ascii: "R"))
          for column in 0..<columns { add(statement.value(column), to: hash) }
        }
      }
      return true
    }
  }

  private static func add(_ value: Argument, to hash: some RowHash) {
    switch value.storageClass {
    case .null: hash.update(UInt8(ascii: "N"))
    case .integer: add(UInt8(ascii: "I"), UInt64(bitPattern: value.integer), hash)
    case .real: add(UInt8(ascii: "F"), value.real.bitPattern, hash)
    case .text: value.withText { if let text = $0 { head("T", text.count, hash, text) } }
    case .blob: value.withBlob { head("B", $0.count, hash, $0) }
    }
  }

  private static func add(_ mark: UInt8, _ word: UInt64, _ hash: some RowHash) {
    hash.update(mark)
    withUnsafeBytes(of: word.bigEndian) { hash.update($0) }
  }

  /// Hashes a mark, a length in decimal, a colon, and the bytes.
  private static func head(
    _ mark: Unicode.Scalar, _ count: Int, _ hash: some RowHash, _ bytes: UnsafeRawBufferPointer
  ) {
    hash.update(UInt8(ascii: mark))
    var power = 1
    while count / power >= 10 { power *= 10 }
    while power > 0 {
      hash.update(UInt8(0x30 + count / power % 10))
      power /= 10
    }
    hash.update(UInt8(ascii: ":"))
    hash.update(bytes)
  }
}
