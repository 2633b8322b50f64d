import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// Fills gaps in the statement log, after the program ended between a slice and its batch.
///
/// Called on the maintainer's thread, and on the thread of bases for a generation that ends.
struct GapFiller {
  let store: RetryingStore
  let ledger: GenerationLedger

  /// Returns the transactions after `base` and up to `last` that no batch holds.
  ///
  /// Batches are in order.
  static func gaps(
    in batches: [ClosedRange<UInt64>], from base: UInt64, to last: UInt64
  ) -> [ClosedRange<UInt64>] {
    var gaps: [ClosedRange<UInt64>] = []
    var reach = base
    for batch in batches where batch.upperBound > reach {
      if batch.lowerBound > reach + 1 { gaps.append(reach + 1...batch.lowerBound - 1) }
      reach = batch.upperBound
    }
    if reach < last { gaps.append(reach + 1...last) }
    return gaps
  }

  /// Stores a batch of barriers for each gap, so that the numbering is complete.
  ///
  /// Each barrier names the log as the source of its transaction.
  func run() throws {
    while let gap = ledger.withLock({ $0.gaps.isEmpty ? nil : $0.gaps.removeFirst() }) {
      guard let generation = ledger.withLock({ $0.generation }) else { return }
      let slices = ledger.withLock { $0.slices.items }.filter { $0.transactions.overlaps(gap) }
      guard let last = slices.last, let batch = try batch(for: gap, slices, generation) else { continue }
      let name = BatchName(batch.transactions, id: last.id)
      let object = PendingUpload.Object(name: name.key(in: generation), bytes: batch.bytes)
      guard try store.upload(object) else { return }
      store.progress.withLock { if $0.generation == generation { $0.statements.insert(gap) } }
      ledger.withLock {
        $0.batches.insert(
          CompactionPolicy.Item(
            transactions: gap, name: object.name, id: last.id, size: batch.bytes.count, isWhole: false))
      }
    }
  }

  /// Returns barriers for the transactions of a gap; nil if the slices do not hold all of them.
  private func batch(
    for gap: ClosedRange<UInt64>, _ slices: [CompactionPolicy.Item], _ generation: GenerationID
  ) throws -> (transactions: ClosedRange<UInt64>, bytes: [UInt8])? {
    var builder = StatementBatchBuilder(generation: generation)
    for item in slices {
      let slice = try SliceReader(try store.store.content(of: item.name).bytes, object: item.name)
      // The last part of a transaction has its commit.
      for (index, commit) in slice.commits.enumerated() {
        let number = slice.header.transactions.lowerBound + UInt64(index)
        guard gap.contains(number) else { continue }
        let end = slice.end(ofCommit: index)
        builder.add(
          StatementGroup(barrier: "its statements were not stored before the program ended"),
          transaction: number, time: commit.time,
          end: WALPosition(salt: end.salt, frame: end.frame, checksum: .zero))
      }
    }
    guard let batch = builder.seal(), batch.transactions == gap else { return nil }
    return batch
  }
}
