import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// The state to restore.
package struct RestoreTarget: Hashable, Sendable {
  /// Nil for the newest state.
  package var generation: GenerationID?
  /// The state after this transaction.
  package var transaction: UInt64?
  /// The state after the last transaction at or before this time, microseconds since 1970.
  package var time: Int64?
  /// Whether the transaction before the end is meant, without its number.
  package var isBeforeLast = false
  package init() {}

  /// Whether the end of the log decides which state it is.
  var isOpen: Bool { generation == nil && transaction == nil }
}

/// The objects that a restore fetches, found from listings, manifests and the slice that holds the
/// end.
package struct RestorePlan: Sendable {
  package let contents: GenerationContents
  package let manifest: BaseManifest
  /// Objects of slices in the order to apply them.
  package let slices: [ChainObject]
  /// The last transaction to apply, its time in microseconds since 1970, and the database after it.
  package let transaction: UInt64
  package let time: Int64
  package let state: DatabaseState
  /// The reason why the log could not be read further than the slices; nil if it was not needed
  /// further.
  var damage: FormatError?
  /// Facts for the user, such as transactions whose upload was never finished.
  package var notices: [String]

  package var generation: GenerationID { contents.generation }
  /// Bytes of the base's parts and of the slices, compressed.
  package var baseBytes: Int { manifest.parts.reduce(0) { $0 + $1.compressedSize } }
  package var sliceBytes: Int { slices.reduce(0) { $0 + $1.size } }

  /// Returns the objects of the slices that lead to a transaction.
  func objects(upTo last: UInt64) -> [ChainObject] { slices.filter { $0.transactions.lowerBound <= last } }

  /// Returns whether an object is among the slices or statements of the plan.
  func needs(_ object: String) -> Bool {
    if let batch = BatchName(key: object) {
      return contents.longestBatches.contains(batch) && batch.transactions.upperBound > manifest.transaction
        && object == batch.key(in: generation)
    }
    return slices.contains { $0.key == object } || object == manifest.key
      || manifest.parts.contains { object == ReplicaLayout.part($0.digest) }
  }

  /// The parts of the base, each object once.
  package var partCount: Int { Set(manifest.parts.map(\.digest)).count }

  init(
    contents: GenerationContents, manifest: BaseManifest, slices: [ChainObject], transaction: UInt64,
    time: Int64,
    state: DatabaseState, notices: [String]
  ) {
    self.contents = contents
    self.manifest = manifest
    self.slices = slices
    self.transaction = transaction
    self.time = time
    self.state = state
    self.notices = notices
  }
}
