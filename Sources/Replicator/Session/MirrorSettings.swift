internal import Files
package import ReplicaFormat

/// When a commit counts as safe.
package enum Durability: String, Sendable, CaseIterable {
  /// As soon as SQLite has it; the mirror follows.
  case async
  /// Once the store has it.
  case sync
}

/// How a mirror behaves.
package struct MirrorSettings: Sendable {
  package var durability = Durability.async
  /// Least seconds between two slices under steady load; the first commit after quiet does not wait.
  package var syncInterval = 1.0
  /// Least seconds between two batches of statements under steady load: an object costs as much as a slice, and nobody's
  /// commit waits for it.
  package var statementInterval: Double { durability == .sync ? 0.05 : max(10 * syncInterval, 0.05) }
  /// Seconds that the end of the program, or a commit in `sync`, waits for the store.
  package var flushTimeout = 30.0
  /// Frames after which the log is checkpointed once all of it is in the store.
  package var checkpointFrames = 1000
  /// Bytes of log after which it is checkpointed although some of it is still on its way.
  package var logLimit = 10 << 20
  /// Bytes of log past which it is told, once, that the store does not keep up.
  package var logWarning = 1 << 30
  /// Bytes of pages in one slice object.
  package var sliceBytes = 8 << 20
  /// Bytes of slices that wait in memory; past that the log itself is the buffer.
  package var queueBytes = 32 << 20
  /// Bytes of pages in one part of a base.
  package var partBytes = 16 << 20
  /// Bytes of a database from which its bases have maps: a smaller one is read as a whole as fast.
  package var mapBytes = 4 << 20
  /// Bytes of log since the base after which a new one is written, where they are also more than the database's.
  package var baseBytes = 64 << 20
  /// Bytes of the longest statement that is recorded; a longer one is a barrier.
  package var longestStatement = StatementScript.longestStatement
  /// Whether small objects become one.
  package var mergesObjects = true
  /// Seconds of history to keep at least; nil for all.
  package var retention: Double? = 30 * 86_400
  /// A page is stored whole after so many differences.
  package var chainLimit = 512
  /// Name of this host.
  package var host = ProcessIdentity.host
  /// Begin a new generation whatever the replica holds.
  package var newGeneration = false
  /// The moment of the replica that the database was just restored to; nil if it was not.
  package var restored: Restored?
  /// Whether `sync` may be promised for a store that ignores conditional writes.
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
