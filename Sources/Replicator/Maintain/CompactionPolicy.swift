import ReplicaFormat

/// Decides which consecutive objects of a replica become one object.
///
/// Sixteen neighbours of the same size class become one object. Objects before them join if they
/// are not much larger than all that follows them. Therefore the number of objects grows with the
/// logarithm of the history, and each byte is sent again only a few times. Objects past the largest
/// class stay, unless there are too many.
struct CompactionPolicy {
  struct Item {
    let transactions: ClosedRange<UInt64>
    let name: String
    /// The identifier of its last entry.
    let id: EntryID
    let size: Int
    /// The content, if it was kept.
    var bytes: [UInt8]?
    /// Whether it may be merged; parts of a transaction may not.
    var isWhole = true
  }

  /// The number of neighbours that become one.
  static let fanOut = 16
  /// The number of objects past which large ones are merged too.
  static let crowd = 48
  /// Bytes of the largest class, and of the largest object that is merged if there are too many.
  private static let largeSize = 512 << 10
  private static let hugeSize = 4 << 20
  /// Bytes of content kept, to save requests.
  private static let keptBytes = 2 << 20
  private static let mergedBytes = 8 << 20
  /// The maximum number of objects in one merge, and the size ratio up to which an older object
  /// joins it.
  private static let mostAtOnce = 64
  private static let reach = 2
  /// Bytes of the last objects that become one at the end of a session, whatever their sizes.
  private static let endBytes = 128 << 10

  private(set) var items: [Item] = []
  private var kept = 0
  /// Transactions of current and pending bases.
  ///
  /// No merged object may hold both one of them and the next transaction.
  private var boundaries: Set<UInt64> = []

  init(_ items: [Item] = []) { self.items = items }

  mutating func append(_ item: Item) {
    var item = item
    let size = item.bytes?.count ?? 0
    if kept + size > Self.keptBytes || size > Self.keptBytes / 32 { item.bytes = nil }
    kept += item.bytes?.count ?? 0
    items.append(item)
  }

  /// Inserts objects before all others.
  mutating func prepend(_ older: [Item]) { items = older + items }

  /// Inserts an object without content at the position of its transactions.
  mutating func insert(_ item: Item) {
    let first = item.transactions.lowerBound
    let index = items.firstIndex { $0.transactions.lowerBound > first } ?? items.count
    items.insert(item, at: index)
  }

  /// Notes that a pending base holds this transaction.
  mutating func keepApart(after transaction: UInt64) { boundaries.insert(transaction) }

  /// Removes the objects that a base replaces.
  mutating func drop(through transaction: UInt64) {
    items.removeAll { $0.transactions.upperBound <= transaction }
    boundaries = boundaries.filter { $0 > transaction }
    kept = items.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
  }

  /// Replaces the objects that hold the same transactions with one object.
  mutating func replace(_ transactions: ClosedRange<UInt64>, with item: Item) {
    guard let first = items.firstIndex(where: { $0.transactions.lowerBound == transactions.lowerBound }),
      let last = items.firstIndex(where: { $0.transactions.upperBound == transactions.upperBound })
    else { return }
    items.replaceSubrange(first...last, with: [item])
    kept = items.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
    if kept > Self.keptBytes || item.size > Self.keptBytes / 32 {
      kept -= items[first].bytes?.count ?? 0
      items[first].bytes = nil
    }
  }

  /// Returns neighbours that should become one now; nil if there are none.
  func run() -> ArraySlice<Item>? {
    var limit = 1024
    while limit <= Self.largeSize {
      let run = balanced(lastRun { $0.size < limit })
      if run.count >= Self.fanOut { return bounded(extended(run)) }
      limit *= 8
    }
    guard items.lazy.filter(isSmall).count > Self.crowd else { return nil }
    var best = items[0..<0]
    var at = 0
    while at < items.count {
      guard isSmall(items[at]) else {
        at += 1
        continue
      }
      var end = at
      while end < items.count, isSmall(items[end]), end == at || joins(end) { end += 1 }
      let run = bounded(items[at..<end])
      if run.count > best.count { best = run }
      at = end
    }
    return best.count > 1 ? best : nil
  }

  /// Returns the last objects, to merge them although they are few.
  ///
  /// The run begins at the first object that is not much larger than all after it. Returns nil if
  /// the run has fewer than `least` objects. With `kept`, the run has only objects with kept
  /// content, and few bytes join it at any size.
  func tail(least: Int, kept: Bool = false) -> ArraySlice<Item>? {
    var first = items.count
    var at = items.count
    var bytes = 0
    while at > 0, items.count - at < Self.mostAtOnce, at == items.count || joins(at), isSmall(items[at - 1]),
      !kept || items[at - 1].bytes != nil, bytes + items[at - 1].size <= Self.mergedBytes
    {
      at -= 1
      let isFew = kept && bytes + items[at].size <= Self.endBytes
      if items[at].size <= Self.reach * bytes || isFew { first = at }
      bytes += items[at].size
    }
    return items.count - first >= least ? items[first...] : nil
  }

  /// Adds older objects that are not much larger than all that follows.
  private func extended(_ run: ArraySlice<Item>) -> ArraySlice<Item> {
    var first = run.startIndex
    var bytes = run.reduce(0) { $0 + $1.size }
    while first > 0, run.endIndex - first < Self.mostAtOnce, joins(first), isSmall(items[first - 1]) {
      let size = items[first - 1].size
      guard size <= Self.reach * bytes, bytes + size <= Self.mergedBytes else { break }
      bytes += size
      first -= 1
    }
    return items[first..<run.endIndex]
  }

  /// Removes first objects that are larger than all after them together.
  ///
  /// To send them again would save little.
  private func balanced(_ run: ArraySlice<Item>) -> ArraySlice<Item> {
    var run = run
    var rest = run.dropFirst().reduce(0) { $0 + $1.size }
    while let first = run.first, run.count > 1, first.size > rest {
      run.removeFirst()
      rest -= run.first?.size ?? 0
    }
    return run
  }

  private func isSmall(_ item: Item) -> Bool { item.isWhole && item.size < Self.hugeSize }

  /// Returns the last objects that fit.
  private func lastRun(_ fits: (Item) -> Bool) -> ArraySlice<Item> {
    var first = items.count
    while first > 0, items[first - 1].isWhole, fits(items[first - 1]), first == items.count || joins(first) {
      first -= 1
    }
    return items[first...]
  }

  /// Returns whether an object follows the one before directly, without a base between them.
  private func joins(_ index: Int) -> Bool {
    let end = items[index - 1].transactions.upperBound
    return end + 1 == items[index].transactions.lowerBound && !boundaries.contains(end)
  }

  /// Returns the beginning of a run, so that the merged object is not too large.
  private func bounded(_ run: ArraySlice<Item>) -> ArraySlice<Item> {
    var bytes = 0
    var end = run.startIndex
    while end < run.endIndex, end - run.startIndex < Self.mostAtOnce,
      bytes + run[end].size <= Self.mergedBytes
    {
      bytes += run[end].size
      end += 1
    }
    return run[run.startIndex..<end]
  }
}
