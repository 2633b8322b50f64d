internal import Bytes

/// The name of one slot of a generation's log: at most one entry ever has it.
///
/// See rule 1 of `Docs/Protocol.md`.
package struct Place: Hashable, Sendable, CustomStringConvertible {
  package let generation: GenerationID
  /// Number of the next transaction.
  package let transaction: UInt64
  /// Part of that transaction, from 1.
  package let part: Int
  /// Identifier of the entry before.
  package let previous: EntryID

  package init(_ generation: GenerationID, transaction: UInt64, part: Int = 1, previous: EntryID) {
    self.generation = generation
    self.transaction = transaction
    self.part = part
    self.previous = previous
  }

  /// The key of the object at the place.
  package var key: String { ReplicaLayout.slots(generation) + name }

  /// Last component of the key.
  package var name: String {
    Hex.fixed(transaction) + "." + Hex.fixed(UInt16(clamping: part)) + "-" + previous.description
  }

  /// Reads the key of an entry; nil if it is not one.
  package init?(key: String) {
    guard let (generation, name) = ReplicaLayout.name(of: key, in: ReplicaLayout.slots) else { return nil }
    self.init(generation, name: name)
  }

  private init?(_ generation: GenerationID, name: Substring) {
    guard name.utf8.count == 38, name.dropFirst(16).first == ".", name.dropFirst(21).first == "-",
      let transaction = ReplicaLayout.transaction(name.prefix(16)), transaction > 0,
      let part = Hex.number(name.dropFirst(17).prefix(4), of: UInt16.self), part >= 1,
      let previous = EntryID(name.suffix(16))
    else { return nil }
    self.init(generation, transaction: transaction, part: Int(part), previous: previous)
  }

  package var description: String { "\(generation)/\(name)" }

  /// Writes the place as a field of a text record: generation, number in decimal, part, identifier.
  var field: String { "\(generation) \(transaction) \(part) \(previous)" }

  /// Reads what `field` writes.
  init?(field: String) {
    let fields = field.split(separator: " ")
    guard fields.count == 4, let generation = GenerationID(fields[0]),
      let transaction = Bounds.transaction(fields[1]), transaction > 0, let part = UInt16(fields[2]),
      part >= 1, let previous = EntryID(fields[3])
    else { return nil }
    self.init(generation, transaction: transaction, part: Int(part), previous: previous)
  }
}

/// The name of a merged object, which holds the transactions of several slots once more.
package struct MergedName: Hashable, Sendable {
  package let transactions: ClosedRange<UInt64>
  /// The identifier of the last entry that it replaces.
  package let id: EntryID

  package init(_ transactions: ClosedRange<UInt64>, id: EntryID) {
    self.transactions = transactions
    self.id = id
  }

  package func key(in generation: GenerationID) -> String {
    ReplicaLayout.merged(generation) + Hex.fixed(transactions.upperBound) + "-"
      + Hex.fixed(transactions.lowerBound) + "-" + id.description
  }

  /// Reads a key; nil if it is not that of a merged object.
  package init?(key: String) {
    guard let (_, name) = ReplicaLayout.name(of: key, in: ReplicaLayout.merged),
      let (last, first, id) = ReplicaLayout.numbers(name), first > 0, first <= last
    else { return nil }
    self.init(first...last, id: id)
  }
}

/// Name of a batch of statements.
package struct BatchName: Hashable, Sendable {
  package let transactions: ClosedRange<UInt64>
  /// The identifier of the entry that holds its last transaction.
  package let id: EntryID

  package init(_ transactions: ClosedRange<UInt64>, id: EntryID) {
    self.transactions = transactions
    self.id = id
  }

  package func key(in generation: GenerationID) -> String {
    ReplicaLayout.statements(generation) + Hex.fixed(transactions.lowerBound) + "-"
      + Hex.fixed(transactions.upperBound) + "-" + id.description
  }

  /// Reads a key; nil if it is not that of a batch.
  package init?(key: String) {
    guard let (_, name) = ReplicaLayout.name(of: key, in: ReplicaLayout.statements),
      let (first, last, id) = ReplicaLayout.numbers(name), first > 0, first <= last
    else { return nil }
    self.init(first...last, id: id)
  }
}

/// Name of a base's manifest.
package struct BaseName: Hashable, Comparable, Sendable {
  package let transaction: UInt64
  /// The identifier of the entry that ends with the transaction; for a generation's first base,
  /// that of its seal.
  package let id: EntryID

  package init(_ transaction: UInt64, id: EntryID) {
    self.transaction = transaction
    self.id = id
  }

  package func key(in generation: GenerationID) -> String {
    ReplicaLayout.bases(generation) + Hex.fixed(transaction) + "-" + id.description + ".txt"
  }

  /// Returns the first place of the log after it.
  package func next(in generation: GenerationID) -> Place {
    Place(generation, transaction: transaction + 1, previous: id)
  }

  /// Reads a key; nil if it is not that of a base.
  package init?(key: String) {
    guard let (_, name) = ReplicaLayout.name(of: key, in: ReplicaLayout.bases),
      name.utf8.count == 37, name.hasSuffix(".txt"), name.dropFirst(16).first == "-",
      let transaction = ReplicaLayout.transaction(name.prefix(16)),
      let id = EntryID(name.dropFirst(17).prefix(16))
    else { return nil }
    self.init(transaction, id: id)
  }

  package static func < (left: BaseName, right: BaseName) -> Bool {
    (left.transaction, left.id.value) < (right.transaction, right.id.value)
  }
}
