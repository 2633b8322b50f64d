import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

extension GenerationCheck {
  /// Thrown where an object that was listed has been replaced or removed rightly: the check begins again with what is there
  /// now.
  struct ListedAnew: Error {
    let contents: GenerationContents
  }

  /// The check of what is there now; what the one before built is used again where its base is the same.
  func again(with contents: GenerationContents) throws -> GenerationCheck {
    let isSame = contents.bases.min() == self.contents.bases.min()
    if !isSame { try work.remove("wal") }
    try work.remove("sql")
    source.expectAnew(0)
    let check = GenerationCheck(
      source: source, contents: contents, work: work, isNewest: isNewest, live: live, freeBytes: freeBytes)
    // History that was removed leaves no gap behind.
    check.precedingLast = isSame ? precedingLast : nil
    check.parts = parts
    return check
  }

  /// Throws `ListedAnew` where an object that is gone is not needed any more; returns where it is lost.
  ///
  /// After some lists for lost ones it is believed to be lost too: whoever deletes objects by hand deletes many.
  func relist(without object: String) throws {
    guard listsLeft > 0 else { return }
    listsLeft -= 1
    var present = try list()
    // Its bases go first.
    while present.bases.isEmpty, present.objectCount > 0, try hasSuccessor {
      let count = present.objectCount
      present = try list()
      if present.objectCount == count { break }
    }
    if try present.objectCount == 0 ? hasSuccessor : isReplaced(object, in: present) {
      throw ListedAnew(contents: present)
    }
  }

  /// Throws `ListedAnew` where statements have come meanwhile: a batch follows the slice that it belongs to, and a session
  /// that goes on fills the gap that one which was killed left.
  func relist(forStatementsOf transactions: ClosedRange<UInt64>) throws {
    guard isNewest, listsLeft > 0 else { return }
    listsLeft -= 1
    let present = try list()
    guard present.statementsReach(backFrom: transactions.upperBound) < transactions.lowerBound else { return }
    throw ListedAnew(contents: present)
  }

  /// Throws `ListedAnew` where the slice after a transaction is listed now: a listing that is made while objects come may show
  /// a later one without it.
  func relist(forSliceAfter transaction: UInt64) throws {
    guard isNewest, listsLeft > 0 else { return }
    listsLeft -= 1
    let present = try list()
    guard present.slices.contains(where: { $0.transactions.contains(transaction + 1) }) else { return }
    throw ListedAnew(contents: present)
  }

  private func list() throws -> GenerationContents {
    try source.pause(Replanning.pause)
    return try source.retry { _ in try catalog.contents(of: generation) }
  }

  /// Whether a generation came after this one, so that it may have been removed for its age.
  private var hasSuccessor: Bool {
    get throws {
      try source.retry { _ in
        try catalog.store.list(
          prefix: ReplicaLayout.generations, after: ReplicaLayout.end(of: generation), limit: 1)
      }.objects.isEmpty == false
    }
  }

  /// Whether a larger object holds the transactions of this one, or nothing before a later base is there any more.
  private func isReplaced(_ object: String, in present: GenerationContents) -> Bool {
    let first = present.bases.min() ?? 0
    let isShorter = contents.bases.min() ?? .max < first
    if let slice = SliceName(key: object) {
      return isShorter && slice.transactions.upperBound <= first || present.holds(slice)
    }
    if let batch = ReplicaLayout.statementRange(of: object) {
      return isShorter && batch.upperBound <= first || present.holds(batch: batch)
    }
    if object.hasPrefix(ReplicaLayout.bases(generation)) {
      return ReplicaLayout.baseTransaction(of: object).map { isShorter && $0 < first } ?? false
    }
    guard object.hasPrefix(ReplicaLayout.pages) else { return false }
    return manifests.values.filter { $0.parts.contains { ReplicaLayout.part($0.digest) == object } }
      .allSatisfy { isShorter && $0.transaction < first }
  }

  /// Whether what could not be read is gone and was listed beside a larger object with its transactions, which is read too.
  func isReplaced(_ result: Result<some Any, any Error>) -> Bool {
    guard case .failure(let error as FormatError) = result, error.isMissing else { return false }
    if let slice = SliceName(key: error.object) { return contents.holds(slice) }
    return ReplicaLayout.statementRange(of: error.object).map { contents.holds(batch: $0) } ?? false
  }
}

extension GenerationContents {
  /// Whether one object holds the transactions of a slice, and more.
  fileprivate func holds(_ slice: SliceName) -> Bool {
    slices.contains { other in
      other.parts == 1 && other.transactions != slice.transactions
        && other.transactions.lowerBound <= slice.transactions.lowerBound
        && other.transactions.upperBound >= slice.transactions.upperBound
    }
  }

  fileprivate func holds(batch: ClosedRange<UInt64>) -> Bool {
    statements.contains {
      $0 != batch && $0.lowerBound <= batch.lowerBound && $0.upperBound >= batch.upperBound
    }
  }
}
