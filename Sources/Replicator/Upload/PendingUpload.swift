import ReplicaFormat
import WALFormat

/// An entry of the log that waits to be stored.
///
/// It is a turn, or a slice with the statements of its transactions.
struct PendingUpload: Sendable {
  struct Object: Sendable {
    let name: String
    let bytes: [UInt8]
  }

  /// A slice's statements, which are stored after the slice.
  struct Batch: Sendable {
    let generation: GenerationID
    let name: BatchName
    let bytes: [UInt8]

    var object: Object { Object(name: name.key(in: generation), bytes: bytes) }
  }

  let place: Place
  let id: EntryID
  /// The last transaction that is stored when this entry is.
  let lastTransaction: UInt64
  /// The state after it, and its end in SQLite's log.
  let state: DatabaseState
  let position: WALPosition?
  let bytes: [UInt8]
  let batch: Batch?
  /// Times of the oldest and of the last commit in it, microseconds since 1970.
  let firstTime: Int64
  let lastTime: Int64
  /// Nil for a turn.
  let transactions: ClosedRange<UInt64>?
  /// Whether it is a part of a transaction, and whether more parts follow.
  let isPart: Bool
  let isPartial: Bool
  let logBytes: Int

  var generation: GenerationID { place.generation }
  var isTurn: Bool { transactions == nil }
  var byteCount: Int { bytes.count + (batch?.bytes.count ?? 0) }
  /// The place after it.
  var next: Place {
    isTurn
      ? Place(generation, transaction: place.transaction, previous: id)
      : isPartial
        ? Place(generation, transaction: place.transaction, part: place.part + 1, previous: id)
        : Place(generation, transaction: lastTransaction + 1, previous: id)
  }
}
