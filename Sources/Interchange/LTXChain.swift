/// Which files of a replica, one after the other, make a database.
package enum LTXChain {
  /// A file and how long it is.
  package struct Item: Hashable, Sendable {
    package let name: LTXName
    package let size: Int
    package init(name: LTXName, size: Int) {
      self.name = name
      self.size = size
    }
  }

  /// The files that lead furthest, in the order to apply them.
  ///
  /// Each may begin with what the one before it holds too, since a page is there as it was after the file's last
  /// transaction. Of two that lead as far the one of the higher level is taken. The first begins with transaction 1:
  /// it holds all there is. Where a transaction is missing the chain ends.
  package static func furthest(_ items: [Item]) -> [Item] {
    let sorted = items.sorted { $0.name.transactions.lowerBound < $1.name.transactions.lowerBound }
    var chain: [Item] = []
    var reached: UInt64 = 0
    var next = 0
    var best: Item?
    while true {
      while next < sorted.count, sorted[next].name.transactions.lowerBound - 1 <= reached {
        if best.map({ isBetter(sorted[next].name, than: $0.name) }) ?? true { best = sorted[next] }
        next += 1
      }
      guard let item = best, item.name.transactions.upperBound > reached else { return chain }
      chain.append(item)
      reached = item.name.transactions.upperBound
    }
  }

  private static func isBetter(_ name: LTXName, than other: LTXName) -> Bool {
    (name.transactions.upperBound, name.level) > (other.transactions.upperBound, other.level)
  }
}
