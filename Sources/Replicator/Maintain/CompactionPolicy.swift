import ReplicaFormat

/// Objects that follow one another in a replica, and which of them should become one.
///
/// Sixteen neighbours of the same size class become one object, with those before that are not much larger than all that
/// follows them. So their number grows with the logarithm of the history, and each byte is sent again a few times only.
/// Objects past the largest class stay as they are, unless there are too many.
struct CompactionPolicy {
  struct Item {
    let transactions: ClosedRange<UInt64>
    let name: String
    /// Identifier of the entry that it ends with.
    let id: EntryID
    let size: Int
    /// Content, where it was kept.
    var bytes: [UInt8]?
    /// Whether it may be merged; parts of a transaction may not.
    var isWhole = true
  }

  /// Neighbours that become one.
  static let fanOut = 16
  /// Number of objects past which large ones are merged too.
  static let crowd = 48
  /// Bytes of the largest class, and of the largest object that is merged where there are too many.
  private static let largeSize = 512 << 10
  private static let hugeSize = 4 << 20
  /// Bytes of content kept, so that it need not be fetched again.
  private static let keptBytes = 2 << 20
  private static let mergedBytes = 8 << 20
  /// Objects that become one at once, and how many times larger than all after it one may be that is taken along.
  private static let mostAtOnce = 64
  private static let reach = 2

  private(set) var items: [Item] = []
  private var kept = 0
  /// Transactions that bases stand at, or will: no merged object may hold both one of them and the next.
  private var boundaries: Set<UInt64> = []

  init(_ items: [Item] = []) { self.items = items }

  mutating func append(_ item: Item) {
    var item = item
    let size = item.bytes?.count ?? 0
    if kept + size > Self.keptBytes || size > Self.keptBytes / 32 { item.bytes = nil }
    kept += item.bytes?.count ?? 0
    items.append(item)
  }

  /// Puts objects before all others.
  mutating func prepend(_ older: [Item]) { items = older + items }

  /// Puts an object, whose content is not kept, where its transactions belong.
  mutating func insert(_ item: Item) {
    let first = item.transactions.lowerBound
    let index = items.firstIndex { $0.transactions.lowerBound > first } ?? items.count
    items.insert(item, at: index)
  }

  /// A base is on its way that stands at this transaction.
  mutating func keepApart(after transaction: UInt64) { boundaries.insert(transaction) }

  /// Forgets what a base has made needless.
  mutating func drop(through transaction: UInt64) {
    items.removeAll { $0.transactions.upperBound <= transaction }
    boundaries = boundaries.filter { $0 > transaction }
    kept = items.reduce(0) { $0 + ($1.bytes?.count ?? 0) }
  }

  /// Puts one object in the place of those that hold the same transactions.
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

  /// Neighbours that should become one now; nil where there are none.
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

  /// The objects at the end, to become one although they are few: from the first on that is not much larger than all after
  /// it; nil where they are fewer than `least`.
  ///
  /// With `kept` only those whose content need not be fetched.
  func tail(least: Int, kept: Bool = false) -> ArraySlice<Item>? {
    var first = items.count
    var at = items.count
    var bytes = 0
    while at > 0, items.count - at < Self.mostAtOnce, at == items.count || joins(at), isSmall(items[at - 1]),
      !kept || items[at - 1].bytes != nil, bytes + items[at - 1].size <= Self.mergedBytes
    {
      at -= 1
      if items[at].size <= Self.reach * bytes { first = at }
      bytes += items[at].size
    }
    return items.count - first >= least ? items[first...] : nil
  }

  /// With the objects before that are not much larger than all that follows.
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

  /// Without the objects at the beginning that are larger than all after them together: those would be sent again for little.
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

  /// The objects at the end that fit.
  private func lastRun(_ fits: (Item) -> Bool) -> ArraySlice<Item> {
    var first = items.count
    while first > 0, items[first - 1].isWhole, fits(items[first - 1]), first == items.count || joins(first) {
      first -= 1
    }
    return items[first...]
  }

  /// Whether an object begins where the one before ends, and no base stands between them.
  private func joins(_ index: Int) -> Bool {
    let end = items[index - 1].transactions.upperBound
    return end + 1 == items[index].transactions.lowerBound && !boundaries.contains(end)
  }

  /// The beginning of a run, so that the merged object is not too large.
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
