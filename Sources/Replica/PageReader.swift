internal import ReplicaFormat

/// Reads the pages of a replicated database in its state after one transaction.
///
/// Everything that reads the past uses it. For example, to read page 1 after transaction 17:
///
///     let history = PageHistory(access, cache, base: manifest, objects: objects) { … }
///     let reader = try PageReader(history, at: 17)
///     try reader.withPage(1) { bytes, index in … }
///
/// `BaseFrames` fetches frames of the base. `PageHistory` finds and applies frames of slices. All
/// content is checked before use: a base's frames by the hashes in the map, or by the hash of the
/// whole part; slices by the hashes of their sections and by their place in the chain.
///
/// Belongs to one thread at a time.
package final class PageReader {
  package let history: PageHistory
  package let moment: PageHistory.Moment
  private let readAhead: ReadAhead
  /// Whether pages are fetched ahead while a query walks through a tree.
  package var readsAhead = true
  /// The pages that were read since `beginRecording`; nil if none are recorded.
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

  /// Calls `body` with the bytes of a page, and the index at which it begins.
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

  /// Returns a copy of a page.
  package func page(_ page: UInt32) throws -> [UInt8] {
    try withPage(page) { Array($0[$1..<$1 + pageSize]) }
  }

  // MARK: Which pages a query reads

  /// Starts to record which pages are read.
  package func beginRecording() { recorded = [] }

  /// Stops recording, and returns the pages that were read since `beginRecording`.
  package func endRecording() -> Set<UInt32> {
    defer { recorded = nil }
    return recorded ?? []
  }
}

extension PageReader {
  /// Identifies a page of a base by its content's place in a part, which several bases may share.
  package struct Origin: Hashable, Sendable {
    let part: String
    let offset: Int
  }

  /// Returns the place of a page in the base; nil if a slice changed the page, or it does not
  /// exist.
  package func origin(of page: UInt32) throws -> Origin? {
    guard page > 0, page <= pageCount, page <= history.manifest.state.pages,
      try history.lastChange(of: page, upTo: moment.transaction) == nil
    else { return nil }
    return history.origin(of: page)
  }
}
