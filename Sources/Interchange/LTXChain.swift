/// The files of a replica that make a database, one after the other.
package enum LTXChain {
  /// A file and its length.
  package struct Item: Hashable, Sendable {
    package let name: LTXName
    package let size: Int
    package init(name: LTXName, size: Int) {
      self.name = name
      self.size = size
    }
  }

  /// Finds the files that reach furthest, in the order to apply them.
  ///
  /// A file may begin with transactions of the file before, because it holds each page after its
  /// last transaction. Of two files that reach equally far, the one of the higher level is taken.
  /// The first file begins with transaction 1. The chain ends before a missing transaction.
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
