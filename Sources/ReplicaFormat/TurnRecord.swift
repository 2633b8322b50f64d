package import Bytes

/// An entry of the log without transactions: a session writes from here on.
///
/// Each session's first entry is a turn (rule 4 of `Docs/Protocol.md`). A turn with a `successor`
/// is a **seal**: it ends its generation.
package struct TurnRecord: Hashable, Sendable {
  package let place: Place
  package let id: EntryID
  package let session: Session
  /// Microseconds since 1970.
  package let time: Int64
  package let reason: String
  /// A seal's description of the next generation; nil in a turn.
  package let successor: Successor?

  /// The session that wrote an entry.
  package struct Session: Hashable, Sendable {
    /// Random; no two sessions have the same.
    package let number: UInt64
    package let host: String
    package let process: Int
    /// Path of the database.
    package let database: String

    package init(number: UInt64, host: String, process: Int, database: String) {
      self.number = number
      self.host = host
      self.process = process
      self.database = database
    }

    package var text: String { "process \(process) on \(host) (\(database))" }
  }

  /// The generation that a seal names.
  package struct Successor: Hashable, Sendable {
    package let generation: GenerationID
    /// The last transaction of the sealed generation, and the checksum of the database after it.
    package let transaction: UInt64
    package let checksum: Hash128
    /// Whether the user ordered to leave the transactions up to there behind.
    package let isFork: Bool

    package init(generation: GenerationID, transaction: UInt64, checksum: Hash128, isFork: Bool) {
      self.generation = generation
      self.transaction = transaction
      self.checksum = checksum
      self.isFork = isFork
    }

    /// Returns the first base of the next generation; `seal` is the identifier of the seal.
    package func base(seal: EntryID) -> BaseName { BaseName(transaction + 1, id: seal) }
  }

  package init(
    place: Place, id: EntryID, session: Session, time: Int64, reason: String, successor: Successor? = nil
  ) {
    self.place = place
    self.id = id
    self.session = session
    self.time = time
    self.reason = reason
    self.successor = successor
  }

  static let titles = ["sqlite3-cloud-s3 turn 1", "sqlite3-cloud-s3 seal 1"]

  /// Returns whether bytes begin like a turn or a seal.
  package static func begins(_ bytes: [UInt8]) -> Bool {
    titles.contains { bytes.starts(with: Array($0.utf8)) }
  }

  package var bytes: [UInt8] {
    var record = TextRecord(Self.titles[successor == nil ? 0 : 1])
    record.add("place", place.field)
    record.add("id", id)
    record.add("session", EntryID(session.number))
    record.add("host", Self.short(session.host))
    record.add("process", session.process)
    record.add("database", Self.short(session.database))
    record.add("time", time)
    record.add("reason", Self.short(reason))
    if let successor {
      record.add("successor", successor.generation)
      record.add("transaction", successor.transaction)
      record.add("checksum", successor.checksum)
      if successor.isFork { record.add("fork", "yes") }
    }
    return record.bytes
  }

  /// Returns the first 1,000 bytes of a text, because readers of the log read only the first 8,192
  /// bytes of an entry.
  private static func short(_ text: String) -> String {
    text.utf8.count <= 1000 ? text : String(decoding: text.utf8.prefix(1000), as: UTF8.self)
  }

  /// Throws if the bytes are damaged, or if the record belongs to another place.
  package init(_ bytes: [UInt8], at place: Place) throws(FormatError) {
    let object = place.key
    let isSeal = bytes.starts(with: Array(Self.titles[1].utf8))
    let record = try TextRecord(bytes, titled: Self.titles[isSeal ? 1 : 0], object: object)
    let reader = RecordReader(record: record, object: object)
    self.place = place
    guard try reader.value("place", { Place(field: $0) }) == place else {
      throw FormatError(object, "it is that of another place")
    }
    id = try reader.value("id") { EntryID($0) }
    session = Session(
      number: try reader.value("session") { EntryID($0) }.value, host: try reader.text("host"),
      process: try reader.value("process") { Bounds.process($0) }, database: try reader.text("database"))
    time = try reader.value("time") { Bounds.time($0) }
    reason = try reader.text("reason")
    guard isSeal else {
      successor = nil
      return
    }
    successor = Successor(
      generation: try reader.value("successor") { GenerationID($0) },
      transaction: try reader.value("transaction") { Bounds.transaction($0) },
      checksum: try reader.value("checksum") { Hash128($0) }, isFork: record.first("fork") == "yes")
    guard let successor, successor.generation.sequence == place.generation.sequence + 1,
      successor.transaction + 1 == place.transaction, successor.transaction < Bounds.lastTransaction
    else { throw FormatError(object, "wrong successor") }
  }
}

/// A mark: it names the chain's generation with a number (rule 9 of `Docs/Protocol.md`).
package struct MarkRecord: Hashable, Sendable {
  package let generation: GenerationID
  /// The generation's first base.
  ///
  /// Its identifier is that of the seal; the first generation has none.
  package let base: BaseName
  /// The place of the seal that names the generation; nil in the first one.
  package let seal: Place?

  package init(generation: GenerationID, base: BaseName, seal: Place?) {
    self.generation = generation
    self.base = base
    self.seal = seal
  }

  private static let title = "sqlite3-cloud-s3 mark 1"

  package var key: String { ReplicaLayout.mark(generation.sequence) }

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("generation", generation)
    record.add("base", "\(base.transaction) \(base.id)")
    if let seal { record.add("seal", seal.field) }
    return record.bytes
  }

  /// Throws if the bytes are damaged, or if the record belongs to another name.
  package init(_ bytes: [UInt8], sequence: UInt32) throws(FormatError) {
    let object = ReplicaLayout.mark(sequence)
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    generation = try reader.value("generation") { GenerationID($0) }
    base = try reader.value("base") { text in
      let fields = text.split(separator: " ")
      guard fields.count == 2, let transaction = Bounds.transaction(fields[0]), let id = EntryID(fields[1])
      else { return nil }
      return BaseName(transaction, id: id)
    }
    seal = try record.first("seal").map { (text) throws(FormatError) in
      guard let place = Place(field: text) else { throw FormatError(object, "wrong seal") }
      return place
    }
    // A replica begins with an empty log at transaction 0.
    guard generation.sequence == sequence, (seal == nil) == (sequence == 1),
      sequence > 1 || base == BaseName(0, id: .none),
      seal.map({ $0.generation.sequence + 1 == sequence && $0.transaction == base.transaction }) ?? true
    else { throw FormatError(object, "it is that of generation \(generation)") }
  }
}
