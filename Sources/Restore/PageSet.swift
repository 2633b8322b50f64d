/// A set of page numbers that takes a few bits for each if they are many: a large transaction
/// changes millions.
struct PageSet {
  /// Sixty-four pages in each, by page number / 64.
  private var words: [UInt32: UInt64] = [:]
  private(set) var count = 0

  /// Adds a page; returns false if it is in the set already.
  mutating func insert(_ page: UInt32) -> Bool {
    let bit = UInt64(1) << UInt64(page % 64)
    var isNew = false
    func add(_ word: inout UInt64) {
      isNew = word & bit == 0
      word |= bit
    }
    add(&words[page / 64, default: 0])
    if isNew { count += 1 }
    return isNew
  }

  func contains(_ page: UInt32) -> Bool {
    (words[page / 64] ?? 0) & (UInt64(1) << UInt64(page % 64)) != 0
  }

  /// All page numbers in order.
  var sorted: [UInt32] {
    var pages: [UInt32] = []
    pages.reserveCapacity(count)
    for key in words.keys.sorted() {
      var word = words[key] ?? 0
      while word != 0 {
        pages.append(key * 64 + UInt32(word.trailingZeroBitCount))
        word &= word - 1
      }
    }
    return pages
  }
}
