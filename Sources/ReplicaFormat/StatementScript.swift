internal import Bytes
internal import Compression

/// A batch of statements whose hash is right; `reader` reads it.
///
/// It holds the stored object, and its text only if it is short.
package struct StatementScript: Sendable {
  /// A statement: the position of its text in the reader, and its effect.
  package struct Statement: Sendable {
    package let sql: Range<Int>
    /// The position of the lines that set its parameters; empty if it has none.
    package let parameters: Range<Int>
    package let changes: Int64
    /// SQLite's primary result code if the statement failed.
    package let error: Int32?
    package let told: RecordedInputs
  }

  package struct Transaction: Sendable {
    package let number: UInt64
    /// Microseconds since 1970.
    package let time: Int64
    package let settings: String
    package let barrier: String?
    package let statementCount: Int
    /// Whether its statements are between `BEGIN` and `COMMIT`.
    package let isExplicit: Bool
    /// The end of its commit in the log: salts in hexadecimal, colon, frame; nil if it is not
    /// recorded.
    package let end: String?
    /// The session that logged it, if it changes here.
    package let session: String?
  }

  package let generation: GenerationID
  package let transactions: ClosedRange<UInt64>
  private let source: ScriptSource

  /// The maximum size of a script.
  private static let limit = 4 << 30
  /// The maximum length of a statement; the recorder makes a barrier of longer ones.
  package static let longestStatement = 1 << 28

  /// Reads the whole object once, so that damage is known before any part is used.
  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    do {
      try self.init(object: object) {
        var rest: [UInt8]? = bytes
        return {
          defer { rest = nil }
          return rest ?? []
        }
      }
    } catch {
      throw error as? FormatError ?? FormatError(object, "\(error)")
    }
  }

  /// The same for a long object that is read several times from its beginning.
  ///
  /// `open` starts a read; the function that it returns gives the next bytes, and an empty array at
  /// the end.
  package init(object: String, open: @escaping @Sendable () -> () throws -> [UInt8]) throws {
    source = try ScriptSource(object: object, limit: Self.limit, open: open)
    let lines = try ScriptLines(source)
    guard lines.text(try lines.next()) == "-- sqlite3-cloud-s3 statements 1" else {
      throw FormatError(object, "not a statement batch, or from a newer version of this program")
    }
    guard let generation = GenerationID(lines.text(try lines.next()).dropFirst("-- generation ".count)) else {
      throw FormatError(object, "no generation")
    }
    self.generation = generation
    let bounds = lines.text(try lines.next()).dropFirst("-- transactions ".count).split(separator: " ")
    guard bounds.count == 2, let first = Bounds.transaction(bounds[0]),
      let last = Bounds.transaction(bounds[1]), first > 0, first <= last
    else { throw FormatError(object, "no transactions") }
    transactions = first...last
  }

  /// Returns the time of the first transaction, microseconds since 1970, from an object's first
  /// bytes.
  ///
  /// Nil if they do not hold it. The value is not checked.
  package static func firstTime(ofHead head: [UInt8]) -> Int64? {
    let script = Zstandard.decompressHead(head, most: 4096)
    guard let at = Kernels.find("\n-- transaction ", in: script, 0..<script.count),
      // The lines before have another form.
      let field = Kernels.find(" time=", in: script, at..<script.count)
    else { return nil }
    let digits = script[(field + 6)...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard digits.endIndex < script.count else { return nil }
    return Bounds.time(String(decoding: digits, as: UTF8.self))
  }

  /// Returns a reader for its transactions, from the first one.
  package func reader() throws -> StatementReader {
    let lines = try ScriptLines(source)
    for _ in 0..<3 { _ = try lines.next() }
    return StatementReader(lines, transactions)
  }
}

/// Reads the transactions of a batch and their statements one by one.
///
/// Memory holds the current statement only. Belongs to one thread at a time.
package final class StatementReader {
  private let lines: ScriptLines
  private let transactions: ClosedRange<UInt64>
  private var statementsLeft = 0
  /// Bytes of the current transaction's statements before any was taken; nil if this is not
  /// recorded.
  private var textLeft: Int?
  private var closesTransaction = false

  fileprivate init(_ lines: ScriptLines, _ transactions: ClosedRange<UInt64>) {
    self.lines = lines
    self.transactions = transactions
  }

  /// The position of the last statement taken.
  package var script: [UInt8] { lines.window }

  /// Releases the text of a long statement that is no longer needed.
  package func releaseText() { lines.release() }

  /// Returns everything that follows, piece by piece; nil at the end.
  func nextText() throws -> [UInt8]? { try lines.rest() }

  /// Reads the next transaction, and skips remaining statements of the current one.
  ///
  /// Returns nil at the end.
  package func nextTransaction() throws -> StatementScript.Transaction? {
    try skipStatements()
    guard try !lines.isAtEnd() else { return nil }
    let line = lines.text(try lines.next())
    let head = line.firstRange(of: " barrier=")
    let fields = line[..<(head?.lowerBound ?? line.endIndex)].split(separator: " ")
    func field(_ name: String) -> Substring? {
      fields.first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
    }
    guard fields.count >= 5, fields[0] == "--", fields[1] == "transaction",
      let number = Bounds.transaction(fields[2]), transactions.contains(number),
      let time = field("time").flatMap({ Bounds.time($0) }),
      let count = field("statements").flatMap({ UInt32($0) }).map({ Int($0) })
    else { throw lines.wrong(line) }
    var settings = ""
    if let size = field("settings").flatMap({ Int($0) }) {
      guard size <= Self.longestSettings else { throw lines.wrong(line) }
      settings = lines.text(try lines.take(size))
      _ = try lines.next()
    }
    let barrier = head.map { String(line[$0.upperBound...]) }
    statementsLeft = barrier == nil ? count : 0
    textLeft = field("text").flatMap { Int($0) }
    let isExplicit = statementsLeft > 1 || statementsLeft == 1 && field("begin") == "1"
    closesTransaction = isExplicit
    if closesTransaction { _ = try lines.next() }
    return StatementScript.Transaction(
      number: number, time: time, settings: settings, barrier: barrier, statementCount: statementsLeft,
      isExplicit: isExplicit,
      end: field("wal").map { String($0) }, session: field("session").map { String($0) })
  }

  /// The maximum size of settings.
  private static let longestSettings = 64 << 10

  /// Skips to the end of the current transaction.
  private func skipStatements() throws {
    if let textLeft {
      try lines.skip(textLeft)
      statementsLeft = 0
      self.textLeft = nil
    }
    while statementsLeft > 0 {
      statementsLeft -= 1
      let line = try lines.next()
      guard let size = lines.number(" bytes=", in: line) else { throw lines.wrong(lines.text(line)) }
      let parameters = lines.number(" values=", in: line) ?? 0
      let end = try lines.skip(Self.length(size, parameters))
      try endStatement(end)
    }
    guard closesTransaction else { return }
    closesTransaction = false
    _ = try lines.next()
  }

  /// Returns the bytes of a statement and of the lines before it.
  private static func length(_ size: UInt64, _ parameters: UInt64) -> Int {
    let (sum, overflow) = size.addingReportingOverflow(parameters)
    return overflow ? .max : Int(clamping: sum)
  }

  /// Skips the line break after a statement that ends with this byte, and a semicolon if the text
  /// has none.
  private func endStatement(_ last: UInt8?) throws {
    try lines.skipLine()
    if last != UInt8(ascii: ";") { try lines.skipLine() }
  }

  /// Reads the next statement of the current transaction; nil after the last.
  ///
  /// Its text stays in `script` until something else is taken.
  package func nextStatement() throws -> StatementScript.Statement? {
    guard statementsLeft > 0 else {
      if closesTransaction {
        closesTransaction = false
        _ = try lines.next()
      }
      return nil
    }
    statementsLeft -= 1
    textLeft = nil
    let line = try lines.next()
    var (size, changes, error): (UInt64?, UInt64?, UInt64?)
    var parameters: UInt64 = 0
    var told = RecordedInputs()
    var at = line.lowerBound
    while let field = lines.field(&at, line.upperBound) {
      let number = lines.number(at: field.value)
      switch field.name {
      case .bytes: size = number
      case .changes: changes = number
      case .values: parameters = number ?? 0
      case .error: error = number
      case .took: told.duration = number.map { Int64(bitPattern: $0) }
      case .now: told.now = number.map { Int64(bitPattern: $0) }
      case .seed: told.seed = number
      case .rowid: told.rowID = number.map { Int64(bitPattern: $0) }
      case .total: told.total = number.map { Int64(bitPattern: $0) }
      case .counts:
        guard let runs = RecordedInputs.runs(Substring(lines.text(field.value))) else {
          throw lines.wrong(lines.text(line))
        }
        told.changes = runs
      case .zone: told.zone = lines.text(field.value)
      default: break
      }
    }
    guard let size, let changes else { throw lines.wrong(lines.text(line)) }
    let text = try lines.take(Self.length(size, parameters))
    let sql = text.dropFirst(Int(clamping: parameters))
    guard sql.count == Int(clamping: size) else { throw lines.wrong(lines.text(line)) }
    try endStatement(sql.isEmpty ? nil : lines.window[sql.upperBound - 1])
    lines.end(sql)
    return StatementScript.Statement(
      sql: sql, parameters: text.lowerBound..<sql.lowerBound, changes: Int64(bitPattern: changes),
      error: error.map { Int32(truncatingIfNeeded: $0) },
      told: told)
  }
}
