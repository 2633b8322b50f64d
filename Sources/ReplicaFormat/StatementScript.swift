internal import Bytes
internal import Compression

/// A batch of statements, checked; `next` takes it apart.
package struct StatementScript: Sendable {
  /// A statement: where its text stands in the script, and what it did.
  package struct Statement: Sendable {
    package let sql: Range<Int>
    package let changes: Int64
    /// SQLite's primary result code where the statement failed.
    package let error: Int32?
    package let told: StatementTold
  }

  package struct Transaction: Sendable {
    package let number: UInt64
    /// Microseconds since 1970.
    package let time: Int64
    package let settings: String
    package let barrier: String?
    package let statementCount: Int
    /// Whether its statements stand between `BEGIN` and `COMMIT`.
    package let isExplicit: Bool
    /// Where its commit ends in the log: salts in hexadecimal, colon, frame; nil where that is not told.
    package let end: String?
    /// Which session of the shell logged it, where that changes.
    package let session: String?
  }

  package let generation: GenerationID
  package let transactions: ClosedRange<UInt64>
  private var lines: ScriptLines
  private var statementsLeft = 0
  /// Bytes of the statements of the present transaction while none of them was taken; nil where that is not told.
  private var textLeft: Int?
  private var closesTransaction = false

  /// Largest script that is believed.
  static let limit = 4 << 30

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let script: [UInt8]
    do throws(CompressionError) {
      script = try Zstandard.decompress(bytes, 0..<bytes.count, limit: Self.limit)
    } catch {
      throw FormatError(object, error.cause)
    }
    lines = ScriptLines(script, object: object)
    try lines.checkEnd()
    guard lines.text(try lines.next()) == "-- sqlite3-cloud-s3 statements 1" else {
      throw FormatError(object, "not a statement batch, or from a newer version of this program")
    }
    guard let generation = GenerationID(lines.text(try lines.next()).dropFirst("-- generation ".count)) else {
      throw FormatError(object, "no generation")
    }
    self.generation = generation
    let bounds = lines.text(try lines.next()).dropFirst("-- transactions ".count).split(separator: " ")
    guard bounds.count == 2, let first = UInt64(bounds[0]), let last = UInt64(bounds[1]), first <= last else {
      throw FormatError(object, "no transactions")
    }
    transactions = first...last
  }

  /// When the first transaction was, microseconds since 1970, as an object's first bytes tell it.
  ///
  /// Nil where they do not tell; what they tell is not checked.
  package static func firstTime(ofHead head: [UInt8]) -> Int64? {
    let script = Zstandard.decompressHead(head, most: 4096)
    guard let at = Kernels.find("\n-- transaction ", in: script, 0..<script.count),
      // The lines before give their numbers in another way.
      let field = Kernels.find(" time=", in: script, at..<script.count)
    else { return nil }
    let digits = script[(field + 6)...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    guard digits.endIndex < script.count else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }

  /// Where the transactions stand, between the lines at the beginning and the one at the end.
  var body: Range<Int> { lines.rest }

  /// The script's text, in which statements stand.
  package var script: [UInt8] { lines.script }

  /// The next transaction; statements of the one before that were not taken are skipped.
  ///
  /// Nil at the end.
  package mutating func nextTransaction() throws(FormatError) -> Transaction? {
    try skipStatements()
    guard !lines.isAtEnd else { return nil }
    let line = lines.text(try lines.next())
    let head = line.firstRange(of: " barrier=")
    let fields = line[..<(head?.lowerBound ?? line.endIndex)].split(separator: " ")
    func field(_ name: String) -> Substring? {
      fields.first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
    }
    guard fields.count >= 5, fields[0] == "--", fields[1] == "transaction", let number = UInt64(fields[2]),
      let time = field("time").flatMap({ Int64($0) }), let count = field("statements").flatMap({ Int($0) })
    else { throw lines.wrong(line) }
    var settings = ""
    if let size = field("settings").flatMap({ Int($0) }) {
      settings = lines.text(try lines.take(size))
      _ = try lines.next()
    }
    let barrier = head.map { String(line[$0.upperBound...]) }
    statementsLeft = barrier == nil ? count : 0
    textLeft = field("text").flatMap { Int($0) }
    let isExplicit = statementsLeft > 1 || statementsLeft == 1 && field("begin") == "1"
    closesTransaction = isExplicit
    if closesTransaction { _ = try lines.next() }
    return Transaction(
      number: number, time: time, settings: settings, barrier: barrier, statementCount: statementsLeft,
      isExplicit: isExplicit,
      end: field("wal").map { String($0) }, session: field("session").map { String($0) })
  }

  /// Goes to the end of the present transaction.
  private mutating func skipStatements() throws(FormatError) {
    if let textLeft {
      _ = try lines.take(textLeft)
      statementsLeft = 0
      self.textLeft = nil
    }
    while statementsLeft > 0 {
      statementsLeft -= 1
      let line = try lines.next()
      guard let size = lines.number(" bytes=", in: line) else { throw lines.wrong(lines.text(line)) }
      try skip(try lines.take(Int(clamping: size)))
    }
    guard closesTransaction else { return }
    closesTransaction = false
    _ = try lines.next()
  }

  /// The line break after a statement, and a semicolon of its own where the text has none.
  private mutating func skip(_ sql: Range<Int>) throws(FormatError) {
    _ = try lines.next()
    if sql.isEmpty || script[sql.upperBound - 1] != UInt8(ascii: ";") { _ = try lines.next() }
  }

  /// The next statement of the present transaction; nil after the last.
  package mutating func nextStatement() throws(FormatError) -> Statement? {
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
    var told = StatementTold()
    var at = line.lowerBound
    while let field = lines.field(&at, line.upperBound) {
      let number = lines.number(at: field.value)
      switch field.name {
      case .bytes: size = number
      case .changes: changes = number
      case .error: error = number
      case .took: told.duration = number.map { Int64(bitPattern: $0) }
      case .now: told.now = number.map { Int64(bitPattern: $0) }
      case .seed: told.seed = number
      case .rowid: told.rowID = number.map { Int64(bitPattern: $0) }
      case .total: told.total = number.map { Int64(bitPattern: $0) }
      case .counts:
        guard let runs = StatementTold.runs(Substring(lines.text(field.value))) else {
          throw lines.wrong(lines.text(line))
        }
        told.changes = runs
      case .zone: told.zone = lines.text(field.value)
      default: break
      }
    }
    guard let size, let changes else { throw lines.wrong(lines.text(line)) }
    let sql = try lines.take(Int(clamping: size))
    try skip(sql)
    return Statement(
      sql: sql, changes: Int64(bitPattern: changes), error: error.map { Int32(truncatingIfNeeded: $0) },
      told: told)
  }
}

/// Reads a script line by line, or so many bytes at a time.
private struct ScriptLines {
  let script: [UInt8]
  private let object: String
  private var at = 0
  private var end: Int

  init(_ script: [UInt8], object: String) {
    self.script = script
    self.object = object
    end = script.count
  }

  var isAtEnd: Bool { at >= end }
  var rest: Range<Int> { at..<end }

  func text(_ range: Range<Int>) -> String { String(decoding: script[range], as: UTF8.self) }

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
    guard text(end..<script.count) == "-- end \(Hash128(script, 0..<end))\n" else {
      throw FormatError(object, "its checksum does not match its content")
    }
  }

  /// Where the next line stands, without its line break.
  mutating func next() throws(FormatError) -> Range<Int> {
    var newline = at
    while newline < end, script[newline] != UInt8(ascii: "\n") { newline += 1 }
    guard newline < end else { throw FormatError(object, "cut short") }
    defer { at = newline + 1 }
    return at..<newline
  }

  mutating func take(_ count: Int) throws(FormatError) -> Range<Int> {
    guard count >= 0, count <= end - at else { throw FormatError(object, "cut short") }
    defer { at += count }
    return at..<at + count
  }

  /// The decimal number after `name` in a line.
  func number(_ name: StaticString, in line: Range<Int>) -> UInt64? {
    guard let index = Kernels.find(name, in: script, line) else { return nil }
    let start = index + name.utf8CodeUnitCount
    var end = start
    while end < line.upperBound, script[end] != UInt8(ascii: " ") { end += 1 }
    return number(at: start..<end)
  }

  /// The next ` name=value` of a line; `at` goes behind it.
  func field(_ at: inout Int, _ end: Int) -> (name: FieldName, value: Range<Int>)? {
    while at < end {
      while at < end, script[at] == UInt8(ascii: " ") { at += 1 }
      let start = at
      var equals = end
      while at < end, script[at] != UInt8(ascii: " ") {
        if script[at] == UInt8(ascii: "="), equals == end { equals = at }
        at += 1
      }
      if equals < at { return (FieldName(script, start..<equals), equals + 1..<at) }
    }
    return nil
  }

  /// A decimal number, which may be negative (then as its two's complement).
  func number(at range: Range<Int>) -> UInt64? {
    var index = range.lowerBound
    let isNegative = index < range.upperBound && script[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    guard index < range.upperBound else { return nil }
    var value: UInt64 = 0
    while index < range.upperBound {
      guard script[index] >= UInt8(ascii: "0"), script[index] <= UInt8(ascii: "9") else { return nil }
      value = value &* 10 &+ UInt64(script[index] - UInt8(ascii: "0"))
      index += 1
    }
    return isNegative ? 0 &- value : value
  }
}

/// Up to eight letters as one number, so that no text is made to compare them.
private struct FieldName {
  static let bytes = FieldName("bytes")
  static let changes = FieldName("changes")
  static let error = FieldName("error")
  static let took = FieldName("took")
  static let now = FieldName("now")
  static let seed = FieldName("seed")
  static let rowid = FieldName("rowid")
  static let total = FieldName("total")
  static let counts = FieldName("counts")
  static let zone = FieldName("zone")

  private var letters: UInt64 = 0

  init(_ script: [UInt8], _ range: Range<Int>) {
    guard range.count <= 8 else { return }
    for byte in script[range] { letters = letters << 8 | UInt64(byte) }
  }

  private init(_ text: String) {
    for byte in text.utf8 { letters = letters << 8 | UInt64(byte) }
  }

  static func ~= (pattern: FieldName, value: FieldName) -> Bool { pattern.letters == value.letters }
}
