import ReplicaFormat
import WALFormat

/// Objects that wait to be uploaded: one of a slice, and the statements of the same transactions.
struct Outgoing: Sendable {
  struct Object: Sendable {
    let name: String
    let bytes: [UInt8]
  }

  let generation: GenerationID
  /// Last transaction in the store once this is.
  let lastTransaction: UInt64
  /// The database after it, and where in the log it ends.
  let state: DatabaseState
  let position: WALPosition?
  let slice: Object
  let statements: Object?
  /// Time of the oldest commit in it, microseconds since 1970.
  let firstTime: Int64
  /// Whether more parts of the same transaction follow.
  let isPartial: Bool
  /// Transactions in the slice, whether it is part of one, and its bytes of log.
  let transactions: ClosedRange<UInt64>
  let isPart: Bool
  let logBytes: Int

  var byteCount: Int { slice.bytes.count + (statements?.bytes.count ?? 0) }
}
