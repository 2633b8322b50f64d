package import Bytes
internal import Compression
package import WALFormat

/// Statements of one transaction as they go into a batch.
package struct StatementGroup: Sendable {
  /// Each statement as `StatementGroup.append` writes it.
  package private(set) var text: [UInt8] = []
  package private(set) var count = 0
  /// `PRAGMA` statements that give a replay the settings the statements ran under.
  package var settings: String = ""
  /// Why this transaction cannot be replayed; nil where it can.
  package var barrier: String?
  /// Whether it was begun by `BEGIN` or a savepoint, even if it holds one statement: virtual tables write some of what
  /// they keep at the end of the transaction.
  package var isExplicit = false
  /// Whether its statements change the settings, so that the next transaction has to give its own.
  package var leavesSettings = false

  package init(barrier: String? = nil) { self.barrier = barrier }

  /// Adds a statement with what it did and what it was told.
  ///
  /// `error` is SQLite's primary result code where it failed.
  package mutating func append(
    _ sql: ByteBuffer, changes: Int64, error: Int32?, told: StatementTold = StatementTold()
  ) {
    count += 1
    field("-- statement bytes=", Int64(sql.count))
    field(" changes=", changes)
    if let error { field(" error=", Int64(error)) }
    told.append(to: &text)
    text.append(UInt8(ascii: "\n"))
    text.append(sql)
    // A statement may end in a comment, which a semicolon on the same line would become part of.
    if text.last != UInt8(ascii: ";") { text += "\n;".utf8 }
    text.append(UInt8(ascii: "\n"))
  }

  private mutating func field(_ name: String, _ value: Int64) {
    text += name.utf8
    text.append(decimal: value)
  }

  /// A place to return to when a savepoint is rolled back.
  package struct Mark: Sendable {
    fileprivate let bytes: Int
    fileprivate let count: Int
  }
  package var mark: Mark { Mark(bytes: text.count, count: count) }

  /// Forgets what was added after `mark`.
  package mutating func rewind(to mark: Mark) {
    text.removeLast(text.count - mark.bytes)
    count = mark.count
  }
}

/// Makes the object that holds the statements of consecutive transactions: an SQL script, compressed.
package struct StatementBatchBuilder: Sendable {
  private let generation: GenerationID
  private var first: UInt64?
  private var last: UInt64 = 0
  private var body: [UInt8] = []
  /// Settings that a replay from the start of the batch, or from the last barrier, has.
  private var settings = ""
  /// Which session of the shell logs; told at the batch's first transaction.
  private let session: UInt64?

  package init(generation: GenerationID, session: UInt64? = nil) {
    self.generation = generation
    self.session = session
  }

  package var isEmpty: Bool { first == nil }
  package var byteCount: Int { body.count }

  /// Adds a transaction; numbers must follow one another.
  package mutating func add(_ group: StatementGroup, transaction: UInt64, time: Int64, end: WALPosition?) {
    precondition(first == nil || transaction == last + 1, "transactions must follow one another")
    let isFirst = first == nil
    first = first ?? transaction
    last = transaction
    var line = "-- transaction \(transaction) time=\(time) statements=\(group.count)"
    if let end { line += " wal=\(end.salt):\(end.frame)" }
    if isFirst, let session { line += " session=\(Hex.fixed(session))" }
    let isBlock = group.count > 1 || group.count == 1 && group.isExplicit
    if isBlock, group.count == 1 { line += " begin=1" }
    let changesSettings = group.barrier == nil && group.settings != settings
    if changesSettings { line += " settings=\(group.settings.utf8.count)" }
    if let barrier = group.barrier {
      line += " barrier=" + barrier.map { $0.isNewline ? " " : String($0) }.joined()
    }
    body += line.utf8
    body.append(UInt8(ascii: "\n"))
    guard group.barrier == nil else {
      settings = ""
      return
    }
    if changesSettings { body += (group.settings + "\n").utf8 }
    settings = group.leavesSettings ? "" : group.settings
    if isBlock { body += "BEGIN;\n".utf8 }
    body += group.text
    if isBlock { body += "COMMIT;\n".utf8 }
  }

  /// Adds the transactions of a batch that was made before, which must follow.
  mutating func append(_ script: [UInt8], body range: Range<Int>, transactions: ClosedRange<UInt64>) {
    first = first ?? transactions.lowerBound
    last = transactions.upperBound
    body += script[range]
  }

  /// The object and the transactions in it; nil where it holds none.
  package func seal() -> (transactions: ClosedRange<UInt64>, bytes: [UInt8])? {
    guard let first else { return nil }
    var script = Array(
      "-- sqlite3-cloud-s3 statements 1\n-- generation \(generation)\n-- transactions \(first) \(last)\n".utf8
    )
    script += body
    script += "-- end \(Hash128(script, 0..<script.count))\n".utf8
    return (first...last, Zstandard.compress(script, level: 3))
  }
}
