import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Merges small neighbours as `CompactionPolicy` decides, and deletes objects that merged ones
/// replaced.
///
/// Called on the maintainer's thread.
struct Compactor {
  let store: RetryingStore
  let ledger: GenerationLedger

  /// Seconds for which replaced objects stay, because a restore with an older plan may still read
  /// them.
  static let grace = 900.0

  private var progress: Progress { store.progress }

  /// Merges one run of slices or batches; returns false if none is due.
  ///
  /// It merges only transactions that a restore reaches. A merged object contains their last
  /// transaction, and readers take it as proof of a base.
  func mergeNext() throws -> Bool {
    guard progress.withLock({ $0.hasBase }) else { return false }
    if let run = ledger.withLock({ $0.slices.run().map(Array.init) }),
      try merge(slices: run, { try store.upload($0) })
    {
      return true
    }
    guard let run = ledger.withLock({ $0.batches.run().map(Array.init) }) else { return false }
    return try merge(batches: run)
  }

  /// Merges the last slices of a session at its end, with one request and without a download.
  func mergeAtEnd(_ run: [CompactionPolicy.Item]) throws {
    _ = try merge(slices: run) { object in
      try store.store.put(ObjectKey(object.name), object.bytes, .ifAbsent)
      return true
    }
  }

  /// Merges neighbours into one object; `put` stores it, or returns false if it could not.
  private func merge(
    slices run: [CompactionPolicy.Item], _ put: (PendingUpload.Object) throws -> Bool
  ) throws -> Bool {
    guard let first = run.first, let generation = ReplicaLayout.generation(of: first.name) else {
      return false
    }
    let merged = try SliceMerge.merge(
      try contents(of: run), stored: progress.withLock { $0.stored }, created: Clock.wallMicroseconds)
    let object = PendingUpload.Object(name: merged.name.key(in: generation), bytes: merged.bytes)
    guard try put(object) else { return false }
    replace(run, merged.name.transactions, merged.name.id, object, \.slices)
    return true
  }

  private func merge(batches run: [CompactionPolicy.Item]) throws -> Bool {
    guard let first = run.first, let last = run.last,
      let generation = ReplicaLayout.generation(of: first.name),
      let merged = try StatementMerge.merge(try contents(of: run), generation: generation)
    else { return false }
    let name = BatchName(merged.transactions, id: last.id)
    let object = PendingUpload.Object(name: name.key(in: generation), bytes: merged.bytes)
    guard try store.upload(object) else { return false }
    replace(run, merged.transactions, last.id, object, \.batches)
    return true
  }

  private func replace(
    _ run: [CompactionPolicy.Item], _ transactions: ClosedRange<UInt64>, _ id: EntryID,
    _ object: PendingUpload.Object, _ policy: WritableKeyPath<Maintenance, CompactionPolicy>
  ) {
    let due = Clock.bootSeconds + Self.grace
    ledger.withLock {
      $0[keyPath: policy].replace(
        transactions,
        with: CompactionPolicy.Item(
          transactions: transactions, name: object.name, id: id, size: object.bytes.count, bytes: object.bytes
        ))
      $0.replaced += run.map {
        Maintenance.Replaced(name: $0.name, last: $0.transactions.upperBound, due: due)
      }
    }
  }

  /// Returns the objects of a run; downloads several at once if their content was not kept.
  private func contents(of run: [CompactionPolicy.Item]) throws -> [(name: String, bytes: [UInt8])] {
    let fetched = Mutex<[String: Result<[UInt8], any Error>]>([:])
    let pool = TransferPool("mirror.merge", threads: 4)
    let group = DispatchGroup()
    let store = store.store
    for item in run where item.bytes == nil {
      pool.run(in: group) {
        let result = Result { try store.content(of: item.name).bytes }
        fetched.withLock { $0[item.name] = result }
      }
    }
    group.wait()
    return try run.map { item in
      if let bytes = item.bytes { return (item.name, bytes) }
      return (item.name, try fetched.withLock { try $0[item.name]?.get() } ?? [])
    }
  }

  /// Deletes objects that merged ones replaced, when no reader needs them any more (rules 16 and
  /// 17).
  func removeReplaced() throws {
    while !progress.isStopped, !ledger.withLock({ $0.isEnding }) {
      let stored = progress.withLock { $0.stored }
      guard let name = ledger.withLock({ $0.nextRemoval(at: Clock.bootSeconds, stored: stored) }) else {
        return
      }
      try store.store.delete(ObjectKey(name))
      ledger.withLock { ledger in
        if ledger.replaced.first?.name == name { ledger.replaced.removeFirst() }
      }
    }
  }
}
