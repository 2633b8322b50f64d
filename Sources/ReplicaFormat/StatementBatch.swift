package import Bytes
internal import Compression
package import WALFormat

/// The statements of one transaction for a batch.
package struct StatementGroup: Sendable {
  /// Each statement in the form that `StatementGroup.append` writes.
  package internal(set) var text = StatementText()
  package internal(set) var count = 0
  /// `PRAGMA` statements that give a replay the settings of the session.
  package var settings: String = ""
  /// The reason why this transaction cannot be replayed; nil if it can.
  package var barrier: String?
  /// Whether it began with `BEGIN` or a savepoint, even if it holds one statement: virtual tables
  /// write some of their data at the end of the transaction.
  package var isExplicit = false
  /// Whether its statements change the settings, so that the next transaction must have its own.
  package var leavesSettings = false

  package init(barrier: String? = nil) { self.barrier = barrier }

  /// Adds a statement with its effect, its recorded inputs, and its duration in microseconds;
  /// `line` is scratch space.
  ///
  /// `error` is SQLite's primary result code if it failed. `parameters` are the lines that set its
  /// parameters.
  package mutating func append(
    _ sql: ByteBuffer, parameters: ByteBuffer? = nil, changes: Int64, error: Int32?,
    told: RecordedInputs? = nil, took: Int64? = nil,
    with line: ByteBuffer = ByteBuffer()
  ) {
    count += 1
    line.removeAll()
    let fields = ByteBuffer(capacity: 64)
    told?.append(to: fields)
    Self.append(
      sql, parameters: parameters, changes: changes, error: error, told: fields, took: took, to: line)
    text.append(line)
  }

  /// Appends a statement in its form in the text.
  static func append(
    _ sql: ByteBuffer, parameters: ByteBuffer?, changes: Int64, error: Int32?, told: ByteBuffer, took: Int64?,
    to text: ByteBuffer
  ) {
    appendHead(
      sql.count, parameters: parameters?.count ?? 0, changes: changes, error: error, told: told, took: took,
      to: text)
    if let parameters { text.append(parameters) }
    text.append(sql)
    end(text, of: sql.count)
  }

  /// Appends the line before a statement.
  static func appendHead(
    _ count: Int, parameters: Int = 0, changes: Int64, error: Int32?, told: ByteBuffer, took: Int64?,
    to text: ByteBuffer
  ) {
    appendHead(bytes: count, changes: changes, to: text)
    if parameters > 0 {
      text.append(" values=" as StaticString)
      text.append(decimal: Int64(parameters))
    }
    if let error {
      text.append(" error=" as StaticString)
      text.append(decimal: Int64(error))
    }
    if !told.isEmpty { text.append(told) }
    endHead(took: took, to: text)
  }

  /// Begins the line before a statement.
  static func appendHead(bytes count: Int, changes: Int64, to text: ByteBuffer) {
    text.append("-- statement bytes=" as StaticString)
    text.append(decimal: Int64(count))
    text.append(" changes=" as StaticString)
    text.append(decimal: changes)
  }

  /// Ends the line before a statement.
  static func endHead(took: Int64?, to text: ByteBuffer) {
    if let took {
      text.append(" took=" as StaticString)
      text.append(decimal: took)
    }
    text.append(UInt8(ascii: "\n"))
  }

  /// Must be called after a statement of this many bytes at the end of the text.
  static func end(_ text: ByteBuffer, of count: Int) {
    // A statement may end in a comment, which would swallow a semicolon on the same line.
    if count == 0 || text[text.count - 1] != UInt8(ascii: ";") { text.append("\n;" as StaticString) }
    text.append(UInt8(ascii: "\n"))
  }

  /// A state to return to when a savepoint is rolled back.
  package struct Mark: Sendable {
    let bytes: Int
    let count: Int
  }
  package var mark: Mark { Mark(bytes: text.count, count: count) }

  /// Removes everything that was added after `mark`.
  package mutating func rewind(to mark: Mark) {
    text.truncate(to: mark.bytes)
    count = mark.count
  }
}

/// Makes a batch: an SQL script with the statements of consecutive transactions, compressed.
package struct StatementBatchBuilder: Sendable {
  private let generation: GenerationID
  private var first: UInt64?
  private var last: UInt64 = 0
  private var body = StatementPieces()
  /// The settings that a replay has at this point, from the start of the batch or from the last
  /// barrier.
  private var settings = ""
  /// The session that logs; written at the batch's first transaction.
  private let session: UInt64?

  package init(generation: GenerationID, session: UInt64? = nil) {
    self.generation = generation
    self.session = session
  }

  package var isEmpty: Bool { first == nil }
  package var byteCount: Int { body.count }

  /// Adds a transaction.
  ///
  /// Numbers must be consecutive.
  package mutating func add(_ group: StatementGroup, transaction: UInt64, time: Int64, end: WALPosition?) {
    precondition(first == nil || transaction == last + 1, "transactions must follow one another")
    let isFirst = first == nil
    first = first ?? transaction
    last = transaction
    let isBlock = group.count > 1 || group.count == 1 && group.isExplicit
    let changesSettings = group.barrier == nil && group.settings != settings
    body.append("-- transaction ", decimal: transaction)
    body.append(" time=", decimal: UInt64(max(time, 0)))
    body.append(" statements=", decimal: UInt64(group.count))
    if let end {
      body.append(" wal=", hexadecimal: end.salt.first)
      body.append("", hexadecimal: end.salt.second)
      body.append(":", decimal: UInt64(end.frame))
    }
    if isFirst, let session { body.append(" session=", hexadecimal: session) }
    if isBlock, group.count == 1 { body.append(" begin=1".utf8) }
    if changesSettings { body.append(" settings=", decimal: UInt64(group.settings.utf8.count)) }
    if let barrier = group.barrier {
      body.append(" barrier=".utf8)
      body.append(barrier.map { $0.isNewline ? " " : String($0) }.joined().utf8)
    } else {
      body.append(" text=", decimal: UInt64(group.text.count))
    }
    body.append("\n".utf8)
    guard group.barrier == nil else {
      settings = ""
      return
    }
    if changesSettings {
      body.append(group.settings.utf8)
      body.append("\n".utf8)
    }
    settings = group.leavesSettings ? "" : group.settings
    if isBlock { body.append("BEGIN;\n".utf8) }
    body.append(group.text)
    if isBlock { body.append("COMMIT;\n".utf8) }
  }

  /// Adds the transactions of an earlier batch, which must follow; `append` brings their text.
  mutating func append(transactions: ClosedRange<UInt64>) {
    first = first ?? transactions.lowerBound
    last = transactions.upperBound
  }

  /// Adds a piece of their text.
  mutating func append(_ text: [UInt8]) {
    body.append(text)
    body.close(atLeast: 4 << 20)
  }

  /// Returns the object and its transactions; nil if there are none.
  package func seal() -> (transactions: ClosedRange<UInt64>, bytes: [UInt8])? {
    guard let first else { return nil }
    let head =
      "-- sqlite3-cloud-s3 statements 1\n-- generation \(generation)\n-- transactions \(first) \(last)\n"
    return (first...last, body.sealed(after: Array(head.utf8)))
  }
}

/// A script of texts and of parts that may be compressed already.
private struct StatementPieces: Sendable {
  private enum Piece {
    case text([UInt8])
    case part(StatementText.Part)
  }
  private var closed: [Piece] = []
  /// The last piece.
  private var open: [UInt8] = []
  /// Bytes of text.
  private(set) var count = 0

  mutating func append(_ text: some Collection<UInt8>) {
    let before = open.count
    open.append(contentsOf: text)
    count += open.count - before
  }

  mutating func append(_ name: StaticString, decimal value: UInt64) {
    let before = open.count
    open.append(name)
    open.append(decimal: value)
    count += open.count - before
  }

  /// Appends all digits, in lower case.
  mutating func append(_ name: StaticString, hexadecimal value: some FixedWidthInteger & UnsignedInteger) {
    let before = open.count
    open.append(name)
    open.append(hexadecimal: value)
    count += open.count - before
  }

  mutating func append(_ text: StatementText) {
    for part in text.parts {
      closed.append(.text(open))
      closed.append(.part(part))
      open = []
      count += part.count
    }
    append(text.open)
  }

  /// Compresses the open text if it is large, so that long texts take little memory.
  mutating func close(atLeast size: Int) {
    guard open.count >= size else { return }
    let part = StatementText.Part(open)
    part.compress()
    closed.append(.part(part))
    open = []
  }

  /// Returns everything after `head`, with the hash at the end, as zstd frames; one frame if no
  /// part was compressed before.
  func sealed(after head: [UInt8]) -> [UInt8] {
    var hash = Hash128Stream()
    var frames: [UInt8] = []
    var text = head
    text.reserveCapacity(head.count + (closed.isEmpty ? open.count : 0) + 64)
    for piece in closed {
      switch piece {
      case .text(let bytes): text += bytes
      case .part(let part):
        if !text.isEmpty {
          hash.add(text)
          frames += Zstandard.compress(text, level: Zstandard.textLevel)
          text = []
        }
        hash.add(part.bytes)
        frames += part.compressed
      }
    }
    text += open
    hash.add(text)
    text += "-- end \(hash.value)\n".utf8
    frames += Zstandard.compress(text, level: Zstandard.textLevel)
    return frames
  }
}
