/// What is told of a generation when it begins.
package struct GenerationRecord: Hashable, Sendable {
  package let generation: GenerationID
  /// Microseconds since 1970.
  package let time: Int64
  /// Why it was begun.
  package let reason: String
  package let predecessor: GenerationID?
  /// Who began it; nil where that was not told.
  package let writer: String?

  package init(
    generation: GenerationID, time: Int64, reason: String, predecessor: GenerationID?, writer: String? = nil
  ) {
    self.generation = generation
    self.time = time
    self.reason = reason
    self.predecessor = predecessor
    self.writer = writer
  }

  private static let title = "sqlite3-cloud-s3 generation 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("generation", generation)
    record.add("time", time)
    record.add("reason", reason)
    if let predecessor { record.add("predecessor", predecessor) }
    if let writer { record.add("writer", writer) }
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    generation = try reader.value("generation") { GenerationID($0) }
    time = try reader.value("time") { Bounds.time($0) }
    reason = try reader.text("reason")
    predecessor = record.first("predecessor").flatMap { GenerationID($0) }
    writer = record.first("writer")
  }
}

/// Says that a generation has had a base, so that a base that is gone can be told from one that was never finished.
package struct CompletionRecord: Hashable, Sendable {
  package let generation: GenerationID
  /// Transaction of the generation's first base.
  package let transaction: UInt64

  package init(generation: GenerationID, transaction: UInt64) {
    self.generation = generation
    self.transaction = transaction
  }

  package var bytes: [UInt8] {
    var record = TextRecord("sqlite3-cloud-s3 complete 1")
    record.add("generation", generation)
    record.add("transaction", transaction)
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: "sqlite3-cloud-s3 complete 1", object: object)
    let reader = RecordReader(record: record, object: object)
    generation = try reader.value("generation") { GenerationID($0) }
    transaction = try reader.value("transaction") { Bounds.transaction($0) }
  }
}
