import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// The log of a replica, as one session writes it: a slot is created once, or somebody else has it.
///
/// The rules are those of `Docs/Protocol.md`. A session that has met another's entry never writes again.
final class SlotLog: Sendable {
  let session: TurnRecord.Session
  private let store: any ObjectStore
  /// Seconds since the system started, those it slept through too.
  private let now: @Sendable () -> Double
  private let state: Mutex<State>
  /// Entries whose places are kept in memory.
  private static let most = 4096

  private struct State {
    /// The session's first entry, once it was read back (rule 5).
    var isConfirmed = false
    /// Why the session writes nothing more (rule 7).
    var fence: MirrorError?
    var keepsConditions: Bool?
    /// Why the store does not keep to conditions, if it said so.
    var refusal: String?
    /// When the store answered last, in seconds of `now`, and in which process.
    var lastAnswer = -Double.infinity
    var process = ProcessIdentity.current
    /// Entries that were sent, and the places of those that are stored.
    var own: Set<Place> = []
    var places: [EntryID: Place] = [:]
    /// The last entry of the log before the session's first, and others with the same number; none if they are not known.
    var before: Set<Place> = []
    /// The newest of them that is stored.
    var newest: (place: Place, id: EntryID)?

    /// Seconds without an answer after which an entry is read back before anything counts as stored (rule 8).
    private static let silence = 60.0

    /// Only the newest entries are confirmed; of older ones the chain itself tells.
    mutating func forgetOldHalf() {
      let middle = places.values.map(\.transaction).sorted()[places.count / 2]
      places = places.filter { $0.value.transaction >= middle }
      own = own.filter { $0.transaction >= middle }
    }

    /// Whether the session was asleep, forked or cut off for so long that another may have written.
    func isSilent(at now: Double) -> Bool {
      now - lastAnswer > Self.silence || process != ProcessIdentity.current
    }
  }

  init(
    _ store: any ObjectStore, database: String, host: String,
    now: @escaping @Sendable () -> Double = { Clock.bootSeconds }
  ) {
    self.store = store
    self.now = now
    session = TurnRecord.Session(
      number: .random(in: 1...UInt64.max), host: host, process: ProcessIdentity.current, database: database)
    state = Mutex(State())
  }

  /// Whether nothing keeps an entry that is stored from counting as stored.
  var isConfirmed: Bool {
    let now = now()
    return state.withLock { $0.isConfirmed && !$0.isSilent(at: now) }
  }

  /// Whether the store keeps to the conditions of puts; nil before that was tried.
  var keepsConditions: Bool? { state.withLock { $0.keepsConditions } }

  /// Why the store does not, if it said so.
  var refusal: String? { state.withLock { $0.refusal } }

  /// Keeps what the log ended with when the session read it: confirming its first entry is then one request.
  func begin(after entries: [Place]) { state.withLock { $0.before = Set(entries) } }

  // MARK: Creating (rules 1 to 3, 7)

  /// Creates an entry; returns once it is stored.
  ///
  /// May be called again with the same bytes after an error of the store: the outcome of the call before is unknown. Throws
  /// `.fenced` if another session's entry stands at the place.
  func create(_ place: Place, id: EntryID, _ bytes: [UInt8]) throws {
    let key = try ObjectKey(place.key)
    let condition: PutCondition = try state.withLock { state in
      if let fence = state.fence { throw fence }
      state.own.insert(place)
      return state.keepsConditions == false ? .always : .ifAbsent
    }
    // Nothing protects an entry in a store that ignores conditions; a look finds what was there for a while.
    if condition == .always, let present = try look(key) {
      guard present == bytes else { throw fenced(by: present, at: place) }
      return note(place, id)
    }
    do throws(ObjectStoreError) {
      try store.put(key, bytes, condition)
    } catch {
      switch error.code {
      case .configuration where condition != .always:
        // The store has no conditional puts at all.
        state.withLock { ($0.keepsConditions, $0.refusal) = (false, error.cause) }
        return try create(place, id: id, bytes)
      case .preconditionFailed:
        guard let present = try look(key) else {
          throw ObjectStoreError(
            .unreachable, verb: "put", object: place.key, cause: "it was there and is gone")
        }
        guard present == bytes else { throw fenced(by: present, at: place) }
      default: throw error
      }
    }
    note(place, id)
  }

  private func note(_ place: Place, _ id: EntryID) {
    state.withLock {
      $0.newest = (place, id)
      $0.places[id] = place
      if $0.places.count > Self.most { $0.forgetOldHalf() }
    }
  }

  /// The bytes of an object; nil if it is not there.
  private func look(_ key: ObjectKey) throws(ObjectStoreError) -> [UInt8]? {
    do throws(ObjectStoreError) {
      return try store.whole(key).bytes
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private func fenced(by present: [UInt8], at place: Place) -> MirrorError {
    var who = "another session"
    if TurnRecord.begins(present), let turn = try? TurnRecord(present, at: place) {
      who = "\(turn.session.text) since \(ISOTime.text(turn.time))"
    }
    return fence("\(who) writes to \(store.url): it has stored transaction \(place.transaction) or will")
  }

  private func fence(_ message: String) -> MirrorError {
    let error = MirrorError(.fenced, message)
    return state.withLock {
      $0.fence = $0.fence ?? error
      $0.isConfirmed = false
      return $0.fence ?? error
    }
  }

  // MARK: Confirming (rules 5, 8)

  /// Reads back that an entry of the session is on the chain; until then nothing that it stored counts.
  ///
  /// Nil stands for the newest. Also tries, once in a session, whether the store keeps to conditions. Throws `.fenced` if the
  /// entry is not on the chain.
  func confirm(_ entry: (place: Place, id: EntryID)? = nil) throws {
    guard let newest = state.withLock({ entry ?? $0.newest }) else { return }
    if try !isAlone(newest.place), try !isOnChain(newest.place, newest.id) {
      let found = try ReplicaCatalog(store).entries(from: newest.place)
      let turns = found.entries.values.compactMap { if case .turn(let turn) = $0 { turn } else { nil } }
      let other = turns.first { $0.session.number != session.number }
      throw fence("\(other?.session.text ?? "another session") writes to \(store.url)")
    }
    // A slice may have been merged and deleted already; the session's turn is still there.
    for name in [newest.place.key] + state.withLock({ $0.own.map(\.key) }).sorted()
    where keepsConditions == nil {
      if let bytes = try look(ObjectKey(name)) { try probe(name, bytes) }
    }
    noteConfirmed()
  }

  /// Nobody else can have written: the session has created the first mark of a replica.
  func noteConfirmed() {
    let now = now()
    state.withLock {
      $0.isConfirmed = true
      $0.lastAnswer = now
      $0.process = ProcessIdentity.current
    }
  }

  /// Whether the entry before a place is listed, and no entry of another session after it.
  ///
  /// An entry before that is gone was covered: then others have written since, and their entries may be gone too.
  private func isAlone(_ place: Place) throws -> Bool {
    let (own, before) = state.withLock { state -> (Set<Place>, Set<Place>) in
      if let previous = state.places[place.previous] { return (state.own, [previous]) }
      return (state.own, state.before.filter { $0.generation == place.generation })
    }
    guard let first = before.map(\.transaction).min() else { return false }
    let folder = ReplicaLayout.slots(place.generation)
    let listed = Set(
      try store.listAll(prefix: folder, after: folder + ReplicaLayout.fromTransaction(first))
        .compactMap { Place(key: $0.key.name) })
    return before.isSubset(of: listed)
      && listed.allSatisfy { $0.transaction < place.transaction || own.contains($0) || before.contains($0) }
  }

  /// Whether the chain, as a reader finds it, holds an entry.
  private func isOnChain(_ place: Place, _ id: EntryID) throws -> Bool {
    let contents = try ReplicaCatalog(store).contents(of: place.generation)
    guard let base = contents.bases.last(where: { $0.transaction < place.transaction }) else { return false }
    let chain = contents.chain(after: base)
    return chain.turns.contains { $0.id == id } || chain.objects.contains { $0.id == id }
      || chain.unfinished.contains { $0.id == id } || chain.seal?.id == id
      // What came after it took its place, and names it.
      || contents.bases.contains { $0.id == id } || contents.merged.keys.contains { $0.id == id }
  }

  /// Puts an object of the session once more, with the same bytes: a store that keeps to conditions refuses that.
  func probe(_ name: String, _ bytes: [UInt8]) throws {
    guard keepsConditions == nil else { return }
    do throws(ObjectStoreError) {
      try store.put(ObjectKey(name), bytes, .ifAbsent)
      state.withLock { $0.keepsConditions = false }
    } catch {
      guard error.code == .preconditionFailed || error.code == .configuration else { throw error }
      let keeps = error.code == .preconditionFailed
      state.withLock { ($0.keepsConditions, $0.refusal) = (keeps, keeps ? nil : error.cause) }
    }
  }

  /// The store has answered: the session is not silent.
  func noteAnswer() {
    let now = now()
    state.withLock { if !$0.isSilent(at: now) { $0.lastAnswer = now } }
  }
}

/// The log as the present session writes it; each beginning makes another one.
final class SessionLog: Sendable {
  private let log: Mutex<SlotLog>
  private let store: MeteredStore
  private let database: String
  private let settings: MirrorSettings
  private let hasToldUnfenced = Mutex(false)

  init(_ store: MeteredStore, database: String, _ settings: MirrorSettings) {
    self.store = store
    self.database = database
    self.settings = settings
    log = Mutex(SlotLog(store, database: database, host: settings.host))
  }

  var current: SlotLog { log.withLock { $0 } }

  /// Begins another session.
  func begin() -> SlotLog {
    let fresh = SlotLog(store, database: database, host: settings.host)
    log.withLock { $0 = fresh }
    return fresh
  }

  /// Warns once if the store ignores conditions.
  ///
  /// Throws `.refused` in `sync` without `--unfenced`.
  func checkConditions(_ notices: NoticeQueue) throws {
    let slots = current
    guard slots.keepsConditions == false else { return }
    let cause = slots.refusal.map { " (\($0))" } ?? ""
    guard settings.isUnfencedAllowed || settings.durability == .async else {
      throw MirrorError(
        .refused,
        "\(store.url) ignores conditional writes\(cause), so nothing keeps a second writer from destroying what is stored: "
          + "durability sync is not possible there, unless you add --unfenced")
    }
    let isFirst = hasToldUnfenced.withLock { told in
      defer { told = true }
      return !told
    }
    guard isFirst else { return }
    notices.add(
      "mirror: \(store.url) ignores conditional writes\(cause): a second writer would be noticed, not prevented"
    )
  }
}
