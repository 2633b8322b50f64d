package import ObjectStore
package import ReplicaFormat

/// One object of a generation's log with transactions of the chain.
package struct ChainObject: Hashable, Sendable {
  package let key: String
  package let transactions: ClosedRange<UInt64>
  /// The number of the part of its transaction, from 1.
  package let part: Int
  /// Whether its last transaction ends in it.
  package let isLast: Bool
  package let isMerged: Bool
  /// The identifier of the entry, or of the last entry that a merged object replaced.
  package let id: EntryID
  /// The listed length in bytes.
  package let size: Int

  package init(
    key: String, transactions: ClosedRange<UInt64>, part: Int = 1, isLast: Bool = true,
    isMerged: Bool = false,
    id: EntryID, size: Int
  ) {
    self.key = key
    self.transactions = transactions
    self.part = part
    self.isLast = isLast
    self.isMerged = isMerged
    self.id = id
    self.size = size
  }

  /// Whether it is one of several parts of a transaction.
  package var isPart: Bool { part > 1 || !isLast }
}

/// The content of a slot of a log, by its first bytes.
package enum LogEntry: Sendable {
  case slice(SliceHeader, keyID: String?)
  case turn(TurnRecord)
  /// It cannot be read: the chain ends before it.
  case damaged(FormatError)

  /// The number of bytes that are read of an object to recognize it.
  package static let head = 8192

  /// Parses the first bytes of the object at a place.
  package init(_ content: ObjectContent, at place: Place) {
    do throws(FormatError) {
      if TurnRecord.begins(content.bytes) {
        self = .turn(try TurnRecord(content.bytes, at: place))
        return
      }
      let header = try SliceHeader(content.bytes, object: place.key)
      guard header.place == place else {
        throw FormatError(place.key, "its header does not fit its name")
      }
      self = .slice(header, keyID: content.keyID)
    } catch {
      self = .damaged(error)
    }
  }

  /// The last transaction that was stored when the entry was made; 0 if the entry has no such
  /// field.
  package var stored: UInt64 {
    if case .slice(let header, _) = self { return header.acknowledged }
    return 0
  }
}

/// The chain of one generation's log, from a base on (rule 12 of `Docs/Protocol.md`).
package struct Chain: Sendable {
  /// The objects that hold its transactions, in the order to apply them.
  package fileprivate(set) var objects: [ChainObject] = []
  /// The last transaction with all its parts.
  package fileprivate(set) var end: UInt64
  /// The place after the last entry.
  package fileprivate(set) var tip: Place
  /// Turns that were met, in order.
  package fileprivate(set) var turns: [TurnRecord] = []
  /// The seal that ends the generation; nil if the generation has none.
  package fileprivate(set) var seal: TurnRecord?
  /// Objects of a transaction whose last part is missing.
  package fileprivate(set) var unfinished: [ChainObject] = []
  /// The reason why the log could not be read further; nil if it ends here.
  package fileprivate(set) var damage: FormatError?
  /// Slots past the end that are not on the chain, in order.
  package fileprivate(set) var beyond: [Place] = []
  /// The last transaction of a base or merged object past the end: something before it was lost.
  package fileprivate(set) var coveredBeyond: UInt64?

  init(from place: Place) {
    tip = place
    end = place.transaction - 1
  }
}

extension GenerationContents {
  /// Returns the chain from a base on.
  package func chain(after base: BaseName) -> Chain { chain(from: base.next(in: generation)) }

  /// Returns the chain from a place on at which a transaction begins.
  package func chain(from place: Place) -> Chain {
    var chain = Chain(from: place)
    var visited: Set<Place> = []
    let covers = Covers(merged.keys)
    while chain.seal == nil, chain.damage == nil {
      // A merged object outranks every slot of its numbers.
      if let name = covers.name(of: chain.tip.transaction) {
        chain.unfinished = []
        chain.take(name, in: generation, size: merged[name] ?? 0)
        continue
      }
      guard slots[chain.tip] != nil else { break }
      // Entries whose identifiers lead in a circle would never end.
      guard visited.insert(chain.tip).inserted else {
        chain.damage = FormatError(chain.tip.key, "the entries after it lead back to it")
        break
      }
      chain.take(entries[chain.tip], size: slots[chain.tip] ?? 0)
    }
    chain.beyond = slots.keys.filter { $0.transaction > chain.end && !visited.contains($0) }
      .sorted { ($0.transaction, $0.part) < ($1.transaction, $1.part) }
    if chain.seal == nil {
      let last = max(merged.keys.lazy.map(\.transactions.upperBound).max() ?? 0, bases.last?.transaction ?? 0)
      chain.coveredBeyond = last > chain.end ? last : nil
    }
    return chain
  }
}

extension GenerationContents {
  /// Returns the proof past the end of a chain that an object before it was lost; nil if there is
  /// none.
  package func proofOfLoss(after chain: Chain) -> String? {
    for place in chain.beyond {
      guard let entry = entries[place], entry.stored > chain.end else { continue }
      return "\(place.key) comes after it and says that transaction \(entry.stored) was stored"
    }
    return chain.coveredBeyond.map { "transaction \($0) was stored after it" }
  }
}

extension Chain {
  fileprivate mutating func take(_ name: MergedName, in generation: GenerationID, size: Int) {
    objects.append(
      ChainObject(
        key: name.key(in: generation), transactions: name.transactions, isMerged: true, id: name.id,
        size: size))
    end = name.transactions.upperBound
    tip = Place(generation, transaction: end + 1, previous: name.id)
  }

  fileprivate mutating func take(_ entry: LogEntry?, size: Int) {
    switch entry {
    case .slice(let header, _):
      let object = ChainObject(
        key: tip.key, transactions: header.transactions.lowerBound...header.entry.lastTransaction,
        part: header.part, isLast: header.isLastPart, id: header.entry.id, size: size)
      guard header.isLastPart else {
        unfinished.append(object)
        tip = Place(
          tip.generation, transaction: tip.transaction, part: tip.part + 1, previous: header.entry.id)
        return
      }
      objects += unfinished + [object]
      unfinished = []
      end = header.entry.lastTransaction
      tip = Place(tip.generation, transaction: end + 1, previous: header.entry.id)
    case .turn(let turn):
      // It makes the parts before it void.
      unfinished = []
      if turn.successor == nil {
        turns.append(turn)
        tip = Place(tip.generation, transaction: tip.transaction, previous: turn.id)
      } else {
        seal = turn
      }
    case .damaged(let error): damage = error
    case nil: damage = FormatError(tip.key, "it was not read")
    }
  }
}

/// Merged objects by the transactions that they hold.
struct Covers {
  /// Sorted by first transaction; of those with the same first transaction, the longest.
  private let names: [MergedName]

  init(_ all: some Sequence<MergedName>) {
    var kept: [MergedName] = []
    let sorted = all.sorted {
      ($0.transactions.lowerBound, $1.transactions.upperBound, $0.id.value)
        < ($1.transactions.lowerBound, $0.transactions.upperBound, $1.id.value)
    }
    // An object within another one is not needed.
    for name in sorted
    where kept.last.map({ name.transactions.upperBound > $0.transactions.upperBound }) ?? true {
      kept.append(name)
    }
    names = kept
  }

  /// Returns the object that holds a transaction and reaches furthest.
  func name(of transaction: UInt64) -> MergedName? {
    var (low, high) = (0, names.count)
    while low < high {
      let middle = (low + high) / 2
      if names[middle].transactions.lowerBound <= transaction { low = middle + 1 } else { high = middle }
    }
    guard low > 0, names[low - 1].transactions.contains(transaction) else { return nil }
    return names[low - 1]
  }
}
