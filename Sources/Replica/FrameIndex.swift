/// Finds the frames of slices that hold images of a page, in the order of transactions.
struct FrameIndex {
  struct Entry {
    let page: UInt32
    let transaction: UInt64
    /// The index of the object in the chain; `frame` is the index of the frame in the object.
    let object: UInt32
    let frame: UInt32
    let isWhole: Bool

    fileprivate static func comesBefore(_ left: Entry, _ right: Entry) -> Bool {
      (left.page, left.object, left.frame) < (right.page, right.object, right.frame)
    }
  }

  /// The entries, sorted by page, then by their order in the log.
  private(set) var entries: [Entry] = []
  private var isSorted = true

  mutating func add(_ entry: Entry) {
    entries.append(entry)
    isSorted = false
  }

  mutating func sort() {
    guard !isSorted else { return }
    entries.sort(by: Entry.comesBefore)
    isSorted = true
  }

  /// Returns the index of a page's last entry up to a transaction; nil if there is none.
  func last(_ page: UInt32, upTo transaction: UInt64) -> Int? {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      let entry = entries[middle]
      if (entry.page, entry.transaction) <= (page, transaction) { low = middle + 1 } else { high = middle }
    }
    return low > 0 && entries[low - 1].page == page ? low - 1 : nil
  }

  /// Returns the first transaction after another one that has an entry of a page.
  func next(_ page: UInt32, after transaction: UInt64) -> UInt64? {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      let entry = entries[middle]
      if (entry.page, entry.transaction) <= (page, transaction) { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].page == page ? entries[low].transaction : nil
  }

  /// Returns the indexes of all entries of a page, in order.
  func all(_ page: UInt32) -> Range<Int> {
    guard let last = last(page, upTo: .max) else { return 0..<0 }
    var first = last
    while first > 0, entries[first - 1].page == page { first -= 1 }
    return first..<last + 1
  }

  /// Returns the pages that have an entry in a range of transactions, in order.
  func pages(changedAfter first: UInt64, through last: UInt64) -> [UInt32] {
    var pages: [UInt32] = []
    for entry in entries where entry.transaction > first && entry.transaction <= last {
      if pages.last != entry.page { pages.append(entry.page) }
    }
    return pages
  }
}
