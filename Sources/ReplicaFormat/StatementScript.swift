internal import Bytes
internal import Compression

/// A batch of statements, checked and taken apart.
package struct StatementScript: Sendable {
  package struct Statement: Sendable {
    package let sql: [UInt8]
    package let changes: Int64
    /// SQLite's primary result code where the statement failed.
    package let error: Int32?
    /// What it was told of the time, milliseconds of the Julian day, and the seed of its random numbers.
    package let now: Int64?
    package let seed: UInt64?
  }

  package struct Transaction: Sendable {
    package let number: UInt64
    /// Microseconds since 1970.
    package let time: Int64
    package let settings: String
    package let barrier: String?
    package let statements: [Statement]
  }

  package let generation: GenerationID
  package let transactions: [Transaction]

  /// Largest script that is believed.
  static let limit = 4 << 30

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let script: [UInt8]
    do throws(CompressionError) {
      script = try Zstandard.decompress(bytes, 0..<bytes.count, limit: Self.limit)
    } catch {
      throw FormatError(object, error.cause)
    }
    var lines = ScriptLines(script, object: object)
    try lines.checkEnd()
    guard try lines.next() == "-- sqlite3-cloud-s3 statements 1" else {
      throw FormatError(object, "not a statement batch, or from a newer version of this program")
    }
    guard let generation = GenerationID(try lines.next().dropFirst("-- generation ".count)) else {
      throw FormatError(object, "no generation")
    }
    self.generation = generation
    _ = try lines.next()
    var transactions: [Transaction] = []
    while !lines.isAtEnd { transactions.append(try Self.transaction(&lines)) }
    self.transactions = transactions
  }

  private static func transaction(_ lines: inout ScriptLines) throws(FormatError) -> Transaction {
    let line = try lines.next()
    let fields = Fields(line, after: "-- transaction ")
    guard let number = fields.first.flatMap({ UInt64($0) }), let time = fields["time"].flatMap({ Int64($0) }),
      let count = fields["statements"].flatMap({ Int($0) })
    else { throw lines.wrong(line) }
    var settings = ""
    if let size = fields["settings"].flatMap({ Int($0) }) {
      settings = String(decoding: try lines.take(size), as: UTF8.self)
      _ = try lines.next()
    }
    var statements: [Statement] = []
    if fields.barrier == nil {
      if count > 1 { _ = try lines.next() }
      for _ in 0..<count {
        let line = try lines.next()
        let fields = Fields(line, after: "-- statement ")
        guard let size = fields["bytes"].flatMap({ Int($0) }),
          let changes = fields["changes"].flatMap({ Int64($0) })
        else { throw lines.wrong(line) }
        let sql = try lines.take(size)
        _ = try lines.next()
        if sql.last != UInt8(ascii: ";") { _ = try lines.next() }
        statements.append(
          Statement(
            sql: sql, changes: changes, error: fields["error"].flatMap { Int32($0) },
            now: fields["now"].flatMap { Int64($0) }, seed: fields["seed"].flatMap { UInt64($0) }))
      }
      if count > 1 { _ = try lines.next() }
    }
    return Transaction(
      number: number, time: time, settings: settings, barrier: fields.barrier, statements: statements)
  }
}

/// `name=value` fields of a comment line; `barrier=` takes the rest of the line.
private struct Fields {
  let first: Substring?
  let barrier: String?
  private let fields: [Substring]

  init(_ line: String, after prefix: String) {
    guard line.hasPrefix(prefix) else {
      (first, barrier, fields) = (nil, nil, [])
      return
    }
    var rest = line.dropFirst(prefix.count)
    if let found = rest.firstRange(of: " barrier=") {
      barrier = String(rest[found.upperBound...])
      rest = rest[..<found.lowerBound]
    } else {
      barrier = nil
    }
    fields = rest.split(separator: " ")
    first = fields.first
  }

  subscript(name: String) -> Substring? {
    fields.first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
  }
}

/// Reads a script line by line, or so many bytes at a time.
private struct ScriptLines {
  private let script: [UInt8]
  private let object: String
  private var at = 0
  private var end: Int

  init(_ script: [UInt8], object: String) {
    self.script = script
    self.object = object
    end = script.count
  }

  var isAtEnd: Bool { at >= end }

  func wrong(_ line: String) -> FormatError {
    FormatError(object, "does not understand \"\(line.prefix(60))\"")
  }

  /// Checks the hash in the last line and leaves that line out.
  mutating func checkEnd() throws(FormatError) {
    let length = "-- end \n".utf8.count + 32
    guard script.count >= length, script.last == UInt8(ascii: "\n") else {
      throw FormatError(object, "cut short")
    }
    end = script.count - length
    let last = String(decoding: script[end...], as: UTF8.self)
    guard last == "-- end \(Hash128(script, 0..<end))\n" else {
      throw FormatError(object, "its checksum does not match its content")
    }
  }

  mutating func next() throws(FormatError) -> String {
    guard at < end, let newline = script[at..<end].firstIndex(of: UInt8(ascii: "\n")) else {
      throw FormatError(object, "cut short")
    }
    defer { at = newline + 1 }
    return String(decoding: script[at..<newline], as: UTF8.self)
  }

  mutating func take(_ count: Int) throws(FormatError) -> [UInt8] {
    guard count >= 0, at + count <= end else { throw FormatError(object, "cut short") }
    defer { at += count }
    return Array(script[at..<at + count])
  }
}
