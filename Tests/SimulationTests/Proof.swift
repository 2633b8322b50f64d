import Bytes
import ReplicaFormat

/// Knows which database came from which: each commit writes a unique value, so a checksum names one
/// state of one file.
final class Lineage {
  private var parents: [Hash128: Hash128] = [:]
  private var depths: [Hash128: Int] = [:]

  func add(_ state: Hash128, after parent: Hash128?) {
    guard depths[state] == nil else { return }
    parents[state] = parent
    depths[state] = (parent.flatMap { depths[$0] } ?? 0) + 1
  }

  func depth(_ state: Hash128) -> Int { depths[state] ?? 0 }

  /// Returns whether a state is an ancestor of another, or the same.
  func leads(_ state: Hash128, to later: Hash128) -> Bool {
    guard let wanted = depths[state] else { return false }
    var at = later
    while let depth = depths[at], depth >= wanted {
      if at == state { return true }
      guard let parent = parents[at] else { return false }
      at = parent
    }
    return false
  }
}

/// The invariants of `Docs/Protocol.md`, checked against the content of the store.
final class Proof {
  private let lineage: Lineage
  private let slotsOutrank: Bool
  /// States that count as stored and are no ancestor of another stored state.
  private(set) var stored: [(who: String, transaction: UInt64, state: Hash128)] = []
  private var numbers: [GenerationID: [UInt64: (who: String, state: Hash128)]] = [:]
  /// The states that each fork on the chain leaves behind.
  private(set) var forks: [EntryID: Hash128] = [:]
  private(set) var last: End?

  /// The end of the chain.
  struct End {
    let state: Hash128
    let transaction: UInt64
    let tip: Place
  }

  init(_ lineage: Lineage, slotsOutrank: Bool) {
    self.lineage = lineage
    self.slotsOutrank = slotsOutrank
  }

  typealias Fault = (kind: String, text: String)

  /// Returns the chain as rule 12 reads it.
  func end(_ reading: Reading) -> (end: End?, fault: Fault?) {
    guard let newest = reading.marks.keys.max(), let mark = reading.marks[newest] else { return (nil, nil) }
    var generation = mark.generation
    while true {
      guard let base = reading.bases[generation]?.max(by: { $0.key < $1.key }) else {
        return (nil, ("restore", "generation \(generation) has no base"))
      }
      guard base.value.parts.allSatisfy({ reading.parts.contains(ReplicaLayout.part($0.digest)) }) else {
        return (nil, ("restore", "base \(base.key.transaction) of \(generation) lacks parts"))
      }
      var walk = Walk(
        tip: base.key.next(in: generation), state: base.value.state.checksum, end: base.key.transaction)
      while let step = walk.next(reading, slotsOutrank: slotsOutrank) {
        guard step else { return (nil, ("restore", "\(walk.tip.key) does not continue what is before it")) }
      }
      if let seal = walk.seal {
        if seal.successor.isFork { forks[seal.id] = seal.successor.checksum }
        generation = seal.successor.generation
        continue
      }
      return (End(state: walk.state, transaction: walk.end, tip: walk.tip), nil)
    }
  }

  private struct Walk {
    var tip: Place
    var state: Hash128
    var end: UInt64
    var seal: (id: EntryID, successor: TurnRecord.Successor)?

    init(tip: Place, state: Hash128, end: UInt64) {
      self.tip = tip
      self.state = state
      self.end = end
    }

    /// Returns true after a step, false for a wrong object, nil at the end.
    mutating func next(_ reading: Reading, slotsOutrank: Bool) -> Bool? {
      guard seal == nil else { return nil }
      let number = tip.transaction
      let cover = reading.merged[tip.generation]?.filter { $0.key.transactions.contains(number) }
        .max {
          ($0.key.transactions.upperBound, $1.key.transactions.lowerBound, $1.key.id.value)
            < ($1.key.transactions.upperBound, $0.key.transactions.lowerBound, $0.key.id.value)
        }
      if let cover, !(slotsOutrank && reading.slots[tip] != nil) { return take(cover.value) }
      switch reading.slots[tip] {
      case .turn(let id, let successor):
        if let successor { seal = (id, successor) }
        tip = Place(tip.generation, transaction: number, previous: id)
        return true
      case .slice(let slice) where !slice.isLast:
        tip = Place(tip.generation, transaction: number, part: tip.part + 1, previous: slice.id)
        return true
      case .slice(let slice): return take(slice)
      case nil: return nil
      }
    }

    private mutating func take(_ slice: Slice) -> Bool {
      let skipped = Int(tip.transaction - slice.transactions.lowerBound)
      guard skipped < slice.states.count, let last = slice.states.last,
        (skipped == 0 ? slice.before : slice.states[skipped - 1]) == state
      else { return false }
      state = last
      end = slice.transactions.upperBound
      tip = Place(tip.generation, transaction: end + 1, previous: slice.id)
      return true
    }
    private typealias Slice = Reading.Slice
  }

  /// Invariants 1 and 2.
  func check(_ reading: Reading) -> Fault? {
    let (end, fault) = end(reading)
    if let fault { return fault }
    if let damaged = reading.damaged.first { return ("damage", damaged) }
    guard let end else { return last == nil ? nil : ("invariant 2", "the replica holds nothing any more") }
    if let last, !lineage.leads(last.state, to: end.state), !isLeftBehind(last.state) {
      return (
        "invariant 2",
        "a restore yielded transaction \(last.transaction) of \(last.tip.generation), and now \(end.transaction) of "
          + "\(end.tip.generation), which does not come from it"
      )
    }
    last = end
    if let lost = lost(in: end.state) { return ("invariant 1", lost) }
    return nil
  }

  /// Returns a state that counts as stored and is not an ancestor; nil if there is none.
  func lost(in state: Hash128) -> String? {
    stored.removeAll { !lineage.leads($0.state, to: state) && isLeftBehind($0.state) }
    return stored.first { !lineage.leads($0.state, to: state) }
      .map { "transaction \($0.transaction) of \($0.who) is lost" }
  }

  /// Returns whether a fork by order names a state, or a later one.
  func isLeftBehind(_ state: Hash128) -> Bool {
    forks.values.contains { lineage.leads(state, to: $0) }
  }

  /// Checks invariants 1 and 3 for a transaction that counts as stored from now on.
  func acknowledge(
    _ who: String, _ generation: GenerationID, _ transaction: UInt64, _ state: Hash128, _ reading: Reading
  ) -> Fault? {
    if let other = numbers[generation]?[transaction], other.who != who || other.state != state {
      return ("invariant 3", "\(other.who) has stored transaction \(transaction) too")
    }
    numbers[generation, default: [:]][transaction] = (who, state)
    if !stored.contains(where: { lineage.leads(state, to: $0.state) }) {
      stored.removeAll { lineage.leads($0.state, to: state) }
      stored.append((who, transaction, state))
    }
    return check(reading)
  }
}
