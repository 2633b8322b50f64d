import Bytes
import Foundation
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Everything that one history shares: the store, the clock, delayed requests, and what was
/// reported as stored.
///
/// Only the task with the baton uses it.
final class World: @unchecked Sendable {
  let choices: Choices
  private(set) var settings: Settings
  let baton = Baton()
  let store: MemoryStore
  let reading = Reading()
  let lineage = Lineage()
  let proof: Proof
  /// The seconds of `Clock.bootSeconds` and of the store's clock.
  private(set) var clock = 1_000_000.0
  private let clockForStore = SharedClock()
  /// Requests that were sent, and have not landed yet or will land once more.
  private(set) var late: [Request] = []
  /// The events, one line each.
  private(set) var story: [String] = []
  private var drawn: UInt64 = 0
  /// Values of pages; each is unique.
  private var written: UInt32 = 0
  private(set) var changes = 0
  private(set) var failure: Failure?

  struct Failure: Error, Hashable, CustomStringConvertible {
    /// The broken invariant, or another fault.
    let kind: String
    let text: String
    var description: String { "\(kind): \(text)" }
  }

  /// The settings of a kind of history.
  struct Settings: Sendable {
    var broken: BrokenRule?
    /// Chances in a thousand that a call of the store passes the baton on, and that it meets a
    /// fault.
    var switches = 150
    var faults = 60
    /// Chance in a thousand of an outside event at a step.
    var events = 15
    /// Names on one page of a listing.
    var pageSize = 1000
    var ignoresConditions = false
    var steps = 260
    /// The kind of event that is more frequent than all others.
    var focus = Focus.nothing
  }

  enum Focus: CaseIterable, Sendable { case nothing, readers, forks, copies }

  /// Histories differ in how often threads change, in faults, in events, and in the length of a
  /// page.
  func vary() {
    settings.switches = [150, 50, 400][choices.pick(3)]
    settings.faults = [60, 10, 140][choices.pick(3)]
    settings.events = [15, 40][choices.pick(2)]
    settings.pageSize = [1000, 1000, 1000, 4][choices.pick(4)]
    settings.focus = Focus.allCases[choices.pick(Focus.allCases.count)]
    if settings.broken == .mergedListedFirst { settings.focus = .readers }
  }

  /// A request that changes the store.
  struct Request {
    let from: String
    let key: ObjectKey
    /// Nil for a DELETE.
    let bytes: [UInt8]?
    let condition: PutCondition
  }

  init(_ choices: Choices, _ settings: Settings) {
    self.choices = choices
    self.settings = settings
    let clock = clockForStore
    store = MemoryStore(url: "memory://replica") { Int64(clock.now) }
    proof = Proof(lineage, slotsOutrank: settings.broken == .slotsOutrank)
    clockForStore.now = self.clock
  }

  /// Used by the store, which may not know the world.
  final class SharedClock: @unchecked Sendable { var now = 0.0 }

  var now: @Sendable () -> Double {
    let clock = clockForStore
    return { clock.now }
  }
  var microseconds: Int64 { Int64(clock * 1e6) }

  func pass(_ seconds: Double) {
    clock += seconds
    clockForStore.now = clock
  }

  func tell(_ line: @autoclosure () -> String) { story.append(line()) }

  /// Returns an identifier, made so that a repeated script has the same order of names.
  func drawID() -> EntryID {
    drawn += 1
    var mixed = SplitMix(state: drawn)
    return EntryID(mixed.next() | 1)
  }

  func drawGeneration(after previous: GenerationID?) -> GenerationID {
    GenerationID(
      sequence: (previous?.sequence ?? 0) + 1, random: UInt32(truncatingIfNeeded: drawID().value >> 8))
  }

  func drawValue() -> UInt32 {
    written += 1
    return written
  }

  // MARK: The store

  /// Does a request now; throws `.preconditionFailed` like a store.
  func apply(_ request: Request) throws(ObjectStoreError) -> ETag {
    var tag = ETag("")
    if let bytes = request.bytes {
      let condition = settings.ignoresConditions ? .always : request.condition
      tag = try store.put(request.key, bytes, condition)
      reading.put(request.key.name, bytes)
    } else {
      try store.delete(request.key)
      reading.delete(request.key.name)
    }
    changes += 1
    check("\(request.from)")
    return tag
  }

  func send(later request: Request) { late.append(request) }

  /// Lets a request land although its session no longer waits for it.
  func land(_ index: Int) {
    let request = late.remove(at: index)
    let what =
      "\(request.bytes == nil ? "DELETE" : "PUT") \(short(request.key.name)) of \(request.from) lands late"
    do {
      _ = try apply(request)
      tell(what)
    } catch {
      tell("\(what): 412")
    }
  }

  // MARK: What must hold

  func fail(_ kind: String, _ text: String) {
    // In a store that ignores conditions much may go wrong; but no session may trust it.
    guard failure == nil, !settings.ignoresConditions || kind == "detection" else { return }
    failure = Failure(kind: kind, text: text)
    tell("=> \(kind): \(text)")
  }

  /// Checks what a restore would give now.
  func check(_ who: String) {
    guard failure == nil, !settings.ignoresConditions else { return }
    if let (kind, text) = proof.check(reading) { fail(kind, text) }
  }

  /// Counts a transaction of a session as stored.
  func acknowledge(_ who: String, _ place: Place, _ transaction: UInt64, _ state: DatabaseState) {
    tell("\(who) counts transaction \(transaction) as stored")
    guard failure == nil, !settings.ignoresConditions else { return }
    if let (kind, text) = proof.acknowledge(who, place.generation, transaction, state.checksum, reading) {
      fail(kind, text)
    }
  }

  /// Shortens names for people.
  func short(_ name: String) -> String {
    var text = name
    if text.hasPrefix(ReplicaLayout.generations) {
      text = String(text.dropFirst(ReplicaLayout.generations.count))
    }
    for part in text.split(whereSeparator: { "/.-".contains($0) }) where part.count == 16 {
      let digits = part.drop { $0 == "0" }
      text = text.replacing(part, with: digits.isEmpty ? "0" : String(digits.prefix(5)))
    }
    return text.replacing("0000000", with: "").replacing(".0001-", with: "-")
  }
}
