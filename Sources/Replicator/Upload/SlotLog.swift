import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Writes the log of a replica for one session: each slot is created once, by one session.
///
/// The rules are those of `Docs/Protocol.md`. A session that has met another session's entry never
/// writes again.
final class SlotLog: Sendable {
  let session: TurnRecord.Session
  private let store: any ObjectStore
  /// Returns seconds since the system started, including sleep.
  private let now: @Sendable () -> Double
  private let state: Mutex<State>
  /// The maximum number of entries whose places are kept in memory.
  private static let most = 4096

  private struct State {
    /// Whether the session's first entry was read back (rule 5).
    var isConfirmed = false
    /// The reason for which the session writes nothing more (rule 7).
    var fence: MirrorError?
    var keepsConditions: Bool?
    /// The store's reason for ignoring conditions, if it gave one.
    var refusal: String?
    /// The time of the store's last answer, in seconds of `now`, and the process that got it.
    var lastAnswer = -Double.infinity
    var process = ProcessIdentity.current
    /// Entries that were sent, and the places of the stored ones.
    var own: Set<Place> = []
    var places: [EntryID: Place] = [:]
    /// The last entry before the session's first, and others with the same number; empty if not
    /// known.
    var before: Set<Place> = []
    /// The newest stored entry of the session.
    var newest: (place: Place, id: EntryID)?

    /// Seconds without an answer after which an entry must be read back before it counts (rule 8).
    private static let silence = 60.0

    /// Forgets the older half of the entries; only the newest ones are confirmed, and the chain
    /// itself proves older ones.
    mutating func forgetOldHalf() {
      let middle = places.values.map(\.transaction).sorted()[places.count / 2]
      places = places.filter { $0.value.transaction >= middle }
      own = own.filter { $0.transaction >= middle }
    }

    /// Returns whether the session slept, forked or got no answer for so long that another may have
    /// written.
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

  /// Whether a stored entry counts without being read back.
  var isConfirmed: Bool {
    let now = now()
    return state.withLock { $0.isConfirmed && !$0.isSilent(at: now) }
  }

  /// Whether the store obeys the conditions of puts; nil before the first check.
  var keepsConditions: Bool? { state.withLock { $0.keepsConditions } }

  /// The store's reason for ignoring conditions, if it gave one.
  var refusal: String? { state.withLock { $0.refusal } }

  /// Notes the last entries before the session, so that one request can confirm its first entry.
  func begin(after entries: [Place]) { state.withLock { $0.before = Set(entries) } }

  // MARK: Creating (rules 1 to 3, 7)

  /// Creates an entry; returns when it is stored.
  ///
  /// It may be called again with the same bytes after an error of the store, because the result of
  /// the first call is unknown. Throws `.fenced` if another session's entry is at the place.
  func create(_ place: Place, id: EntryID, _ bytes: [UInt8]) throws {
    let key = try ObjectKey(place.key)
    let condition: PutCondition = try state.withLock { state in
      if let fence = state.fence { throw fence }
      state.own.insert(place)
      return state.keepsConditions == false ? .always : .ifAbsent
    }
    // Nothing protects an entry in a store that ignores conditions. A read finds an older entry.
    if condition == .always, let present = try look(key) {
      guard present == bytes else { throw fenced(by: present, at: place) }
      return note(place, id)
    }
    do throws(ObjectStoreError) {
      try store.put(key, bytes, condition)
    } catch {
      switch error.code {
      case .configuration where condition != .always:
        // The store has no conditional puts.
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

  /// Returns the bytes of an object; nil if it does not exist.
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

  /// Confirms that an entry of the session is on the chain; until then its entries do not count.
  ///
  /// Nil stands for the newest entry. Once in a session, it also checks whether the store obeys
  /// conditions. Throws `.fenced` if the entry is not on the chain.
  func confirm(_ entry: (place: Place, id: EntryID)? = nil) throws {
    guard let newest = state.withLock({ entry ?? $0.newest }) else { return }
    if try !isAlone(newest.place), try !isOnChain(newest.place, newest.id) {
      let found = try ReplicaCatalog(store).entries(from: newest.place)
      let turns = found.entries.values.compactMap { if case .turn(let turn) = $0 { turn } else { nil } }
      let other = turns.first { $0.session.number != session.number }
      throw fence("\(other?.session.text ?? "another session") writes to \(store.url)")
    }
    // A slice may have been merged and deleted already; the session's turn still exists.
    for name in [newest.place.key] + state.withLock({ $0.own.map(\.key) }).sorted()
    where keepsConditions == nil {
      if let bytes = try look(ObjectKey(name)) { try probe(name, bytes) }
    }
    noteConfirmed()
  }

  /// Notes that no other session can have written, because this one created the replica's first
  /// mark.
  func noteConfirmed() {
    let now = now()
    state.withLock {
      $0.isConfirmed = true
      $0.lastAnswer = now
      $0.process = ProcessIdentity.current
    }
  }

  /// Returns whether the entry before a place is listed, without another session's entry after it.
  ///
  /// A missing entry before the place was covered. Then others have written since, and their
  /// entries may be gone too.
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

  /// Returns whether the chain, as a reader finds it, holds an entry.
  private func isOnChain(_ place: Place, _ id: EntryID) throws -> Bool {
    let contents = try ReplicaCatalog(store).contents(of: place.generation)
    guard let base = contents.bases.last(where: { $0.transaction < place.transaction }) else { return false }
    let chain = contents.chain(after: base)
    return chain.turns.contains { $0.id == id } || chain.objects.contains { $0.id == id }
      || chain.unfinished.contains { $0.id == id } || chain.seal?.id == id
      // An object that replaced the entry names it.
      || contents.bases.contains { $0.id == id } || contents.merged.keys.contains { $0.id == id }
  }

  /// Puts an object of the session again, with the same bytes; a store that obeys conditions
  /// refuses.
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

  /// Notes an answer of the store: the session is not silent.
  func noteAnswer() {
    let now = now()
    state.withLock { if !$0.isSilent(at: now) { $0.lastAnswer = now } }
  }
}

/// Holds the log of the current session; each new session makes another one.
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
