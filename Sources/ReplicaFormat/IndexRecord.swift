/// Names of the objects of a generation that count, so that a restore need not list those that they have replaced.
///
/// May be older than the replica: what was stored since begins after what is named here, and where objects that are named
/// are gone, listings tell what there is. So it is never the truth, and may be deleted at any time.
package struct IndexRecord: Hashable, Sendable {
  package struct Slice: Hashable, Sendable {
    package let name: SliceName
    /// Length in bytes.
    package let size: Int
    package init(_ name: SliceName, size: Int) {
      self.name = name
      self.size = size
    }
  }

  package struct Batch: Hashable, Sendable {
    package let transactions: ClosedRange<UInt64>
    /// Length in bytes.
    package let size: Int
    package init(_ transactions: ClosedRange<UInt64>, size: Int) {
      self.transactions = transactions
      self.size = size
    }
  }

  package let generation: GenerationID
  /// Transactions that the bases stand at which the slices follow.
  package let bases: [UInt64]
  /// Without a gap from the first base on, in order, every part.
  package let slices: [Slice]
  /// The same of batches; the first may begin before the base.
  package let batches: [Batch]

  package init(generation: GenerationID, bases: [UInt64], slices: [Slice], batches: [Batch]) {
    self.generation = generation
    self.bases = bases
    self.slices = slices
    self.batches = batches
  }

  /// Names in the store of all that it tells of.
  package var names: [String] {
    bases.map { ReplicaLayout.base(generation, transaction: $0) }
      + slices.map { ReplicaLayout.slice(generation, $0.name) }
      + batches.map { ReplicaLayout.statements(generation, $0.transactions) }
  }

  private static let title = "sqlite3-cloud-s3 index 1"

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("generation", generation)
    for base in bases { record.add("base", base) }
    for slice in slices { record.add("wal", "\(slice.name) \(slice.size)") }
    for batch in batches {
      let name = ReplicaLayout.lastComponent(ReplicaLayout.statements(generation, batch.transactions))
      record.add("sql", "\(name) \(batch.size)")
    }
    return record.bytes
  }

  /// Throws where the record is damaged, or what it names does not follow one another.
  package init(_ bytes: [UInt8], object: String = ReplicaLayout.index) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    generation = try RecordReader(record: record, object: object).value("generation") { GenerationID($0) }
    bases = try record.all("base").map { (text) throws(FormatError) in
      guard let base = Bounds.transaction(text) else { throw FormatError(object, "wrong base") }
      return base
    }
    slices = try record.all("wal").map { (text) throws(FormatError) in
      guard let (name, size) = Self.fields(text), let slice = SliceName(key: name) else {
        throw FormatError(object, "wrong wal")
      }
      return Slice(slice, size: size)
    }
    batches = try record.all("sql").map { (text) throws(FormatError) in
      guard let (name, size) = Self.fields(text), let range = ReplicaLayout.statementRange(of: name) else {
        throw FormatError(object, "wrong sql")
      }
      return Batch(range, size: size)
    }
    guard !bases.isEmpty else { throw FormatError(object, "no base") }
  }

  /// A name and a length.
  private static func fields(_ text: String) -> (name: String, size: Int)? {
    let fields = text.split(separator: " ")
    guard fields.count == 2, let size = Bounds.size(fields[1]) else { return nil }
    return (String(fields[0]), size)
  }
}
