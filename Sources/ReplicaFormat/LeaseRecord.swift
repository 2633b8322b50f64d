/// Who may write to a replica: one writer at a time, each with a higher epoch than the one before.
///
/// Changed by conditional puts only, so that of two writers one finds out
/// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
package struct LeaseRecord: Hashable, Sendable {
  /// A process that writes to a replica.
  package struct Holder: Hashable, Sendable {
    /// Drawn at random by each mirror.
    package let writer: UInt64
    package let host: String
    /// Which start of the host's system; empty where that is not known.
    package let boot: String
    package let process: Int
    /// When the process started, in the system's own count; 0 where that is not known.
    package let processStart: UInt64
    /// Path of the database.
    package let database: String

    package init(
      writer: UInt64, host: String, boot: String, process: Int, processStart: UInt64, database: String
    ) {
      self.writer = writer
      self.host = host
      self.boot = boot
      self.process = process
      self.processStart = processStart
      self.database = database
    }
  }

  /// Rises by one with each new holder.
  package let epoch: UInt64
  package let holder: Holder
  /// When the holder took it, and when it was renewed last, by the holder's clock: microseconds since 1970.
  package let since: Int64
  package var renewed: Int64
  /// Set when the holder has ended in order.
  package var isReleased = false
  /// Whether the store keeps to the conditions of puts.
  package var honoursConditions: Bool
  /// When history was last pruned, microseconds since 1970; 0 for never.
  package var pruned: Int64
  /// The generation that its holder writes; nil in records of versions that did not say.
  package var generation: GenerationID?

  /// What a holder that ended in order had last put into the replica; nil where none has said so.
  package var last: End?

  /// A transaction of a generation.
  package struct End: Hashable, Sendable {
    package let generation: GenerationID
    package let transaction: UInt64
    package init(generation: GenerationID, transaction: UInt64) {
      self.generation = generation
      self.transaction = transaction
    }
  }

  package init(
    epoch: UInt64, holder: Holder, since: Int64, honoursConditions: Bool, pruned: Int64
  ) {
    self.epoch = epoch
    self.holder = holder
    self.since = since
    renewed = since
    self.honoursConditions = honoursConditions
    self.pruned = pruned
  }

  private static let title = "sqlite3-cloud-s3 lease 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("epoch", epoch)
    record.add("writer", String(holder.writer, radix: 16))
    record.add("host", holder.host)
    record.add("boot", holder.boot)
    record.add("process", "\(holder.process) \(holder.processStart)")
    record.add("database", holder.database)
    record.add("since", since)
    record.add("renewed", renewed)
    record.add("conditions", honoursConditions ? "honoured" : "ignored")
    if pruned != 0 { record.add("pruned", pruned) }
    if let last { record.add("last", "\(last.generation) \(last.transaction)") }
    if let generation { record.add("generation", generation) }
    if isReleased { record.add("released", "yes") }
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    let process = try reader.text("process").split(separator: " ")
    guard process.count == 2, let number = Bounds.process(process[0]), let start = UInt64(process[1]) else {
      throw FormatError(object, "wrong process")
    }
    epoch = try reader.value("epoch") { Bounds.transaction($0) }
    holder = Holder(
      writer: try reader.value("writer") { UInt64($0, radix: 16) }, host: try reader.text("host"),
      boot: try reader.text("boot"), process: number, processStart: start,
      database: try reader.text("database"))
    since = try reader.value("since") { Bounds.time($0) }
    renewed = try reader.value("renewed") { Bounds.time($0) }
    honoursConditions = try reader.text("conditions") == "honoured"
    pruned = record.first("pruned").flatMap { Bounds.time($0) } ?? 0
    generation = record.first("generation").flatMap { GenerationID($0) }
    isReleased = record.first("released") == "yes"
    let end = record.first("last")?.split(separator: " ") ?? []
    if end.count == 2, let generation = GenerationID(String(end[0])),
      let transaction = Bounds.transaction(end[1])
    {
      last = End(generation: generation, transaction: transaction)
    }
  }
}
