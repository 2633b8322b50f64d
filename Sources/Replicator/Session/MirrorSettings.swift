internal import Files
package import ReplicaFormat

/// The moment at which a commit counts as safe.
package enum Durability: String, Sendable, CaseIterable {
  /// When SQLite has it; the mirror stores it later.
  case async
  /// When the store has it.
  case sync
}

/// The settings of a mirror.
package struct MirrorSettings: Sendable {
  package var durability = Durability.async
  /// Minimum seconds between two slices under steady load; the first commit after quiet does not
  /// wait.
  package var syncInterval = 1.0
  /// Minimum seconds between two batches of statements under steady load.
  ///
  /// A batch costs as much as a slice, and no commit waits for it.
  package var statementInterval: Double { durability == .sync ? 0.05 : max(10 * syncInterval, 0.05) }
  /// Maximum seconds that the end of the program, or a commit in `sync`, waits for the store.
  package var flushTimeout = 30.0
  /// Frames after which the log is checkpointed, when all of it is stored.
  package var checkpointFrames = 1000
  /// Bytes of log after which it is checkpointed although some of it is not stored.
  package var logLimit = 10 << 20
  /// Bytes of log after which one notice reports that the store does not keep up.
  package var logWarning = 1 << 30
  /// Bytes of pages in one slice object.
  package var sliceBytes = 8 << 20
  /// Bytes of slices that wait in memory; past that, the log itself is the buffer.
  package var queueBytes = 32 << 20
  /// Bytes of pages in one part of a base.
  package var partBytes = 16 << 20
  /// Minimum bytes of a database whose bases have maps; a smaller one is read as a whole as fast.
  package var mapBytes = 4 << 20
  /// Bytes of log since the base after which a new one is stored, if the database is smaller than
  /// them.
  package var baseBytes = 64 << 20
  /// Bytes of the longest recorded statement; a longer one is a barrier.
  package var longestStatement = StatementScript.longestStatement
  /// Whether small objects are merged.
  package var mergesObjects = true
  /// Minimum seconds of history to keep; nil for all.
  package var retention: Double? = 30 * 86_400
  /// The number of differences after which a page is stored whole.
  package var chainLimit = 512
  /// The name of this host.
  package var host = ProcessIdentity.host
  /// Whether to begin a new generation, even if the replica holds other transactions.
  package var newGeneration = false
  /// The moment of the replica to which the database was just restored; nil if it was not.
  package var restored: Restored?
  /// Whether `sync` is permitted with a store that ignores conditional writes.
  package var isUnfencedAllowed = false

  /// A moment of a replica.
  package struct Restored: Sendable {
    package let generation: GenerationID
    package let transaction: UInt64
    package init(generation: GenerationID, transaction: UInt64) {
      self.generation = generation
      self.transaction = transaction
    }
  }

  package init() {}
}
