/// The lease: which session writes to a replica, and its last stored place.
///
/// It is only for information. A session that starts can print the writer, and the record is a
/// witness of the last stored place for a restore. No write is safe because of it.
package struct LeaseRecord: Hashable, Sendable {
  /// A process that writes to a replica.
  package struct Holder: Hashable, Sendable {
    package let session: TurnRecord.Session
    /// The boot identifier of the host's system; empty if it is not known.
    package let boot: String
    /// When the process started, in the system's own count; 0 if it is not known.
    package let processStart: UInt64

    package init(session: TurnRecord.Session, boot: String, processStart: UInt64) {
      self.session = session
      self.boot = boot
      self.processStart = processStart
    }
  }

  package var holder: Holder
  /// When the holder took it, and when it last renewed it, by the holder's clock: microseconds
  /// since 1970.
  package var since: Int64
  package var renewed: Int64
  /// Whether the holder ended in order.
  package var isClosed = false
  /// When history was last pruned, microseconds since 1970; 0 for never.
  package var pruned: Int64
  /// The place after the last transaction that was stored; nil before the first one.
  package var last: Place?

  package init(holder: Holder, since: Int64, pruned: Int64, last: Place?) {
    self.holder = holder
    self.since = since
    renewed = since
    self.pruned = pruned
    self.last = last
  }

  private static let title = "sqlite3-cloud-s3 lease 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("session", EntryID(holder.session.number))
    record.add("host", holder.session.host)
    record.add("boot", holder.boot)
    record.add("process", "\(holder.session.process) \(holder.processStart)")
    record.add("database", holder.session.database)
    record.add("since", since)
    record.add("renewed", renewed)
    record.add("pruned", pruned)
    if let last { record.add("last", last.field) }
    if isClosed { record.add("closed", "yes") }
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    let process = try reader.text("process").split(separator: " ")
    guard process.count == 2, let number = Bounds.process(process[0]), let start = UInt64(process[1]) else {
      throw FormatError(object, "wrong process")
    }
    holder = Holder(
      session: TurnRecord.Session(
        number: try reader.value("session") { EntryID($0) }.value, host: try reader.text("host"),
        process: number, database: try reader.text("database")),
      boot: try reader.text("boot"), processStart: start)
    since = try reader.value("since") { Bounds.time($0) }
    renewed = try reader.value("renewed") { Bounds.time($0) }
    pruned = try reader.value("pruned") { Bounds.time($0) }
    last = try record.first("last").map { (text) throws(FormatError) in
      guard let place = Place(field: text) else { throw FormatError(object, "wrong last") }
      return place
    }
    isClosed = record.first("closed") == "yes"
  }
}
