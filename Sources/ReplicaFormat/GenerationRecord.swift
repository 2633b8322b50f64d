/// The record that is written when a generation begins.
package struct GenerationRecord: Hashable, Sendable {
  package let generation: GenerationID
  /// Microseconds since 1970.
  package let time: Int64
  /// The reason for the generation.
  package let reason: String
  /// The place of its seal; nil in a replica's first generation.
  package let seal: Place?
  /// The session that began it.
  package let writer: String

  package init(generation: GenerationID, time: Int64, reason: String, seal: Place?, writer: String) {
    self.generation = generation
    self.time = time
    self.reason = reason
    self.seal = seal
    self.writer = writer
  }

  private static let title = "sqlite3-cloud-s3 generation 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("generation", generation)
    record.add("time", time)
    record.add("reason", reason)
    if let seal { record.add("seal", seal.field) }
    record.add("writer", writer)
    return record.bytes
  }

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    generation = try reader.value("generation") { GenerationID($0) }
    time = try reader.value("time") { Bounds.time($0) }
    reason = try reader.text("reason")
    seal = try record.first("seal").map { (text) throws(FormatError) in
      guard let place = Place(field: text) else { throw FormatError(object, "wrong seal") }
      return place
    }
    writer = try reader.text("writer")
  }
}
