internal import Bytes

/// Names of a replica's objects, below its URL.
///
/// Numbers have a fixed width in hexadecimal, so that the order of a listing is the order of transactions and a
/// gap shows in it.
package enum ReplicaLayout {
  package static let generations = "generations/"
  package static let pages = "pages/"
  /// Who may write.
  package static let lease = "lease.txt"
  /// Names of what counts in the newest generation, for restores.
  package static let index = "index.txt"

  package static func folder(_ generation: GenerationID) -> String { "\(generations)\(generation)/" }
  package static func record(_ generation: GenerationID) -> String { folder(generation) + "generation.txt" }
  package static func complete(_ generation: GenerationID) -> String { folder(generation) + "complete.txt" }
  package static func bases(_ generation: GenerationID) -> String { folder(generation) + "base/" }
  package static func slices(_ generation: GenerationID) -> String { folder(generation) + "wal/" }
  package static func statements(_ generation: GenerationID) -> String { folder(generation) + "sql/" }

  /// A name that sorts after every object of the generation.
  package static func end(of generation: GenerationID) -> String { folder(generation) + "~" }

  package static func base(_ generation: GenerationID, transaction: UInt64) -> String {
    bases(generation) + Hex.fixed(transaction) + ".txt"
  }

  package static func slice(_ generation: GenerationID, _ name: SliceName) -> String {
    slices(generation) + name.description
  }

  package static func statements(_ generation: GenerationID, _ range: ClosedRange<UInt64>) -> String {
    statements(generation) + Hex.fixed(range.lowerBound) + "-" + Hex.fixed(range.upperBound) + ".sql.zst"
  }

  /// What sorts after the names of all slices and batches that begin with this transaction or one before it.
  package static func afterTransaction(_ transaction: UInt64) -> String { Hex.fixed(transaction) + "~" }

  /// Part of a base, named by the SHA-256 of the pages it holds.
  package static func part(_ digest: String) -> String { pages + digest + ".zst" }

  /// Generation that a key belongs to.
  package static func generation(of key: String) -> GenerationID? {
    guard key.hasPrefix(generations) else { return nil }
    return key.dropFirst(generations.utf8.count).split(separator: "/").first.flatMap { GenerationID($0) }
  }

  /// Transaction of a base's key.
  package static func baseTransaction(of key: String) -> UInt64? {
    let name = lastComponent(key)
    guard name.utf8.count == 20, name.hasSuffix(".txt") else { return nil }
    return Hex.number(name.prefix(16), of: UInt64.self).flatMap { $0 <= Bounds.lastTransaction ? $0 : nil }
  }

  /// Transactions of a statement batch's key.
  package static func statementRange(of key: String) -> ClosedRange<UInt64>? {
    let name = lastComponent(key)
    guard name.hasSuffix(".sql.zst") else { return nil }
    return range(name.dropLast(8))
  }

  static func lastComponent(_ key: String) -> Substring {
    key.split(separator: "/").last ?? ""
  }

  static func range(_ text: Substring) -> ClosedRange<UInt64>? {
    guard text.utf8.count == 33, text.dropFirst(16).first == "-",
      let first = Hex.number(text.prefix(16), of: UInt64.self),
      let last = Hex.number(text.suffix(16), of: UInt64.self), first > 0, first <= last,
      last <= Bounds.lastTransaction
    else { return nil }
    return first...last
  }
}

/// Last part of a slice's key: transactions, and which of how many parts.
package struct SliceName: Hashable, Sendable, CustomStringConvertible {
  package let transactions: ClosedRange<UInt64>
  /// From 1.
  package let part: Int
  package let parts: Int

  package init(_ transactions: ClosedRange<UInt64>, part: Int = 1, parts: Int = 1) {
    self.transactions = transactions
    self.part = part
    self.parts = parts
  }

  package init?(key: String) {
    let name = ReplicaLayout.lastComponent(key)
    guard name.hasSuffix(".wal"), name.utf8.count == 33 + 10 + 4,
      let transactions = ReplicaLayout.range(name.prefix(33)),
      let part = Hex.number(name.dropFirst(34).prefix(4), of: UInt16.self),
      let parts = Hex.number(name.dropFirst(39).prefix(4), of: UInt16.self), part >= 1, part <= parts
    else { return nil }
    self.init(transactions, part: Int(part), parts: Int(parts))
  }

  package var description: String {
    Hex.fixed(transactions.lowerBound) + "-" + Hex.fixed(transactions.upperBound) + "."
      + Hex.fixed(UInt16(clamping: part)) + "-" + Hex.fixed(UInt16(clamping: parts)) + ".wal"
  }
}
