import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Makes one object of small neighbours, as `CompactionPolicy` says, and deletes what merged objects have replaced.
struct Compactor {
  let store: RetryingStore
  let ledger: GenerationLedger

  /// Seconds that replaced objects stay: a restore that was planned before may still read them.
  static let grace = 900.0

  private var progress: Progress { store.progress }

  /// Merges one run of slices or batches; returns false if none is due.
  ///
  /// Only transactions that a restore reaches are merged: an object says so, and readers take it as proof of a base.
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

  /// Merges the last slices of a session at its end, of bytes that are at hand, by one request.
  func mergeAtEnd(_ run: [CompactionPolicy.Item]) throws {
    _ = try merge(slices: run) { object in
      try store.store.put(ObjectKey(object.name), object.bytes, .ifAbsent)
      return true
    }
  }

  /// Makes one object of neighbours; `put` stores it, or returns that it could not.
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

  /// The objects of a run; several at once are fetched if their content was not kept.
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

  /// Deletes objects that merged ones have replaced, once nobody can need them any more (rules 16 and 17).
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
