internal import ReplicaFormat

/// The pages of a replicated database as it was after one transaction.
///
/// This is the base of everything that looks into the past. For example, page 1 after transaction 17:
///
///     let history = PageHistory(access, cache, base: manifest, objects: objects) { … }
///     let reader = try PageReader(history, at: 17)
///     try reader.withPage(1) { bytes, index in … }
///
/// `BaseFrames` fetches frames of the base, `PageHistory` finds and applies frames of slices. Nothing is used before a hash
/// proved it: the map's or a part's own for the base, each section's own and its place in the chain for slices. Belongs to one
/// thread at a time.
package final class PageReader {
  package let history: PageHistory
  package let moment: PageHistory.Moment
  private let readAhead: ReadAhead
  /// Whether pages are fetched ahead as a walk through a tree goes on.
  package var readsAhead = true
  /// The pages that were read since `beginRecording`.
  private var recorded: Set<UInt32>?

  package init(_ history: PageHistory, at transaction: UInt64) throws {
    self.history = history
    moment = try history.moment(of: transaction)
    readAhead = ReadAhead(pages: moment.state.pages, pageSize: history.pageSize) { page in
      guard history.isAtHand(page, at: transaction) else { return nil }
      return try? history.withPage(page, at: transaction) { Array($0[$1..<$1 + history.pageSize]) }
    }
  }

  package var pageSize: Int { history.pageSize }
  package var pageCount: UInt32 { moment.state.pages }

  /// Calls `body` with a page, and the index at which it begins.
  package func withPage<Result>(
    _ page: UInt32, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result
  ) throws -> Result {
    guard page > 0, page <= pageCount else {
      throw FormatError(history.manifest.key, "transaction \(moment.transaction) has no page \(page)")
    }
    recorded?.insert(page)
    let ahead = readsAhead ? readAhead.pages(toReadWith: page) : []
    if !ahead.isEmpty { history.prefetch(ahead, at: moment.transaction) }
    return try history.withPage(page, at: moment.transaction) { bytes, index in
      readAhead.note(page, bytes, index)
      return try body(bytes, index)
    }
  }

  /// A copy of a page.
  package func page(_ page: UInt32) throws -> [UInt8] {
    try withPage(page) { Array($0[$1..<$1 + pageSize]) }
  }

  // MARK: Which pages a query reads

  /// Notes from now on which pages are read.
  package func beginRecording() { recorded = [] }

  /// The pages that were read since `beginRecording`, or nothing.
  package func endRecording() -> Set<UInt32> {
    defer { recorded = nil }
    return recorded ?? []
  }
}

extension PageReader {
  /// What a page of a base is, whichever base names it.
  package struct Origin: Hashable, Sendable {
    let part: String
    let offset: Int
  }

  /// Where a page comes from if no slice changed it; nil if one did, or if there is no such page.
  package func origin(of page: UInt32) throws -> Origin? {
    guard page > 0, page <= pageCount, page <= history.manifest.state.pages,
      try history.lastChange(of: page, upTo: moment.transaction) == nil
    else { return nil }
    return history.origin(of: page)
  }
}
