import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

extension GenerationCheck {
  /// Thrown if a listed object has been replaced or removed by the rules: the check begins again
  /// with a new listing.
  struct ListedAnew: Error {
    let contents: GenerationContents
  }

  /// Returns the check of the new listing.
  ///
  /// It uses the files of the check before if the base is the same.
  func again(with contents: GenerationContents) throws -> GenerationCheck {
    let isSame = contents.bases.first == self.contents.bases.first
    if !isSame { try work.remove("wal") }
    try work.remove("sql")
    source.expectAnew(0)
    let check = GenerationCheck(
      source: source, contents: contents, work: work, isNewest: isNewest, live: live, freeBytes: freeBytes)
    check.witnesses = witnesses
    check.seal = seal
    check.parts = parts
    return check
  }

  /// Throws `ListedAnew` if a missing object is not needed any more; returns if it is lost.
  ///
  /// After some listings for lost objects, further ones count as lost at once: a user who deletes
  /// objects deletes many.
  func relist(without object: String) throws {
    guard listsLeft > 0 else { return }
    listsLeft -= 1
    var present = try list()
    // Its bases are removed first.
    while present.bases.isEmpty, present.objectCount > 0, try hasSuccessor {
      let count = present.objectCount
      present = try list()
      if present.objectCount == count { break }
    }
    if try present.objectCount == 0 ? hasSuccessor : isReplaced(object, in: present) {
      throw ListedAnew(contents: present)
    }
  }

  /// Throws `ListedAnew` if statements have arrived meanwhile.
  ///
  /// A batch follows its slice, and a new session fills the gap that a killed session left.
  func relist(forStatementsOf transactions: ClosedRange<UInt64>) throws {
    guard isNewest, listsLeft > 0 else { return }
    listsLeft -= 1
    let present = try list()
    guard present.batchesReach(backFrom: transactions.upperBound) < transactions.lowerBound else { return }
    throw ListedAnew(contents: present)
  }

  /// Throws `ListedAnew` if an object is at a place now: a listing may show a later object without
  /// an earlier one that was created meanwhile.
  func relist(forEntryAt place: Place) throws {
    guard isNewest, listsLeft > 0 else { return }
    listsLeft -= 1
    let present = try list()
    guard
      present.slots[place] != nil
        || present.merged.keys.contains(where: { $0.transactions.contains(place.transaction) })
    else { return }
    throw ListedAnew(contents: present)
  }

  private func list() throws -> GenerationContents {
    try source.pause(Replanning.pause)
    return try source.retry { _ in try catalog.contents(of: generation, .everything) }
  }

  /// Whether a generation follows this one, so that retention may have removed it.
  private var hasSuccessor: Bool {
    get throws {
      try source.retry { _ in
        try catalog.store.list(
          prefix: ReplicaLayout.generations, after: ReplicaLayout.end(of: generation), limit: 1)
      }.objects.isEmpty == false
    }
  }

  /// Returns whether a larger object holds the transactions of this one, or nothing before a later
  /// base is left.
  private func isReplaced(_ object: String, in present: GenerationContents) -> Bool {
    let first = present.bases.first?.transaction ?? 0
    let isShorter = contents.bases.first?.transaction ?? .max < first
    if let place = Place(key: object) {
      return isShorter && place.transaction <= first || present.covers(place.transaction)
    }
    if let batch = BatchName(key: object) {
      return isShorter && batch.transactions.upperBound <= first || present.covers(batch: batch)
    }
    if object.hasPrefix(ReplicaLayout.merged(generation)), let name = MergedName(key: object) {
      return isShorter && name.transactions.upperBound <= first || present.covers(merged: name)
    }
    if object.hasPrefix(ReplicaLayout.bases(generation)) {
      return BaseName(key: object).map { isShorter && $0.transaction < first } ?? false
    }
    guard object.hasPrefix(ReplicaLayout.pages) else { return false }
    return manifests.values.filter { $0.parts.contains { ReplicaLayout.part($0.digest) == object } }
      .allSatisfy { isShorter && $0.transaction < first }
  }

  /// Returns whether an unreadable object is gone, and a larger listed object has its transactions,
  /// which is read too.
  func isReplaced(_ result: Result<some Any, any Error>) -> Bool {
    guard case .failure(let error as FormatError) = result, error.isMissing else { return false }
    if let place = Place(key: error.object) { return contents.covers(place.transaction) }
    if let batch = BatchName(key: error.object) { return contents.covers(batch: batch) }
    return MergedName(key: error.object).map { contents.covers(merged: $0) } ?? false
  }
}

extension GenerationContents {
  /// Returns whether a merged object holds a transaction.
  fileprivate func covers(_ transaction: UInt64) -> Bool {
    merged.keys.contains { $0.transactions.contains(transaction) }
  }

  /// Returns whether another merged object holds all transactions of one, and more.
  fileprivate func covers(merged name: MergedName) -> Bool {
    merged.keys.contains { $0.transactions != name.transactions && $0.transactions.holds(name.transactions) }
  }

  fileprivate func covers(batch name: BatchName) -> Bool {
    batches.keys.contains { $0 != name && $0.transactions.holds(name.transactions) }
  }
}

extension ClosedRange<UInt64> {
  fileprivate func holds(_ other: ClosedRange<UInt64>) -> Bool {
    lowerBound <= other.lowerBound && upperBound >= other.upperBound
  }
}
