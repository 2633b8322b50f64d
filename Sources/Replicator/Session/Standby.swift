import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

/// A database that another process mirrors: that process captures what is written here, and this one takes over when it ends.
///
/// A thread of its own looks for that end, since the session may sit at its prompt for days.
final class Standby: Sendable {
  /// Process that mirrors, if the system says which.
  let holder: Int?
  private let notices: NoticeQueue
  private let path: String
  private let store: any ObjectStore
  private let settings: MirrorSettings
  /// The record beside the database; the process that has it locked mirrors.
  private let claim: File
  /// Wakes as soon as the holder has written the record.
  private let watch: FileWatch?
  private let state = Mutex(State())
  private let ended = Semaphore()

  private struct State {
    /// What the thread has begun and the session has not taken yet.
    var pipeline: Pipeline?
    var isEnded = false
    var hasWarned = false
  }

  init(_ path: String, claim: File, store: any ObjectStore, settings: MirrorSettings, notices: NoticeQueue) {
    self.path = path
    self.claim = claim
    self.store = store
    self.settings = settings
    self.notices = notices
    holder = (try? claim.info()).flatMap { ProcessIdentity.holder(ofLockOn: $0) }
    watch = FileWatch([claim.path], .content)
  }

  var holderText: String { holder.map { "process \($0)" } ?? "another process" }

  // MARK: Taking over

  /// Seconds between two looks whether the holder has ended.
  private static let interval = 0.5

  /// Begins to look for the holder's end.
  func start() {
    DispatchQueue(label: "mirror.standby").async {
      while !self.ended.wait(seconds: Self.interval) {
        self.warnIfElsewhere()
        if self.takeOver() { return }
      }
    }
  }

  /// Begins to mirror if the holder has ended; the session takes what was begun when it gets to it.
  private func takeOver() -> Bool {
    state.withLock { state in
      guard !state.isEnded, state.pipeline == nil else { return true }
      guard (try? claim.tryLock()) == true else { return false }
      // The database is being used alone by somebody, or no longer has a log: the session deals with that.
      guard
        let pipeline = try? Pipeline(
          path, claim: claim, store: store, settings: settings, wasEmpty: false, notices: notices)
      else {
        claim.unlock()
        return false
      }
      pipeline.start()
      state.pipeline = pipeline
      notices.add("mirror: \(holderText) no longer mirrors; this process does")
      return true
    }
  }

  /// What the thread has begun, once; the standby has ended then.
  func takePipeline() -> Pipeline? {
    state.withLock { state in
      guard let pipeline = state.pipeline else { return nil }
      state.pipeline = nil
      state.isEnded = true
      return pipeline
    }
  }

  /// The claim, for a session that begins to mirror by itself; nil if the holder still has it.
  func takeClaim() -> File? {
    state.withLock { state in
      guard !state.isEnded, state.pipeline == nil, (try? claim.tryLock()) == true else { return nil }
      state.isEnded = true
      return claim
    }
  }

  /// Undoes `takeClaim`: there will be another occasion.
  func giveBackClaim() { state.withLock { $0.isEnded = false } }

  /// Ends the look-out; returns what it has begun.
  func end() -> Pipeline? {
    let pipeline = takePipeline()
    state.withLock { $0.isEnded = true }
    ended.signal()
    return pipeline
  }

  // MARK: What the holder has stored

  /// What the record says of a place in the log.
  enum Answer {
    case stored
    case notYet
    /// The holder mirrors to another replica, or with another key.
    case elsewhere(String)
  }

  /// Has the holder look at the log at once, and write the record as soon as it can.
  func ask() { try? claim.touch() }

  /// Waits for the holder to write the record, a moment at most.
  func waitForRecord() {
    if let watch { _ = watch.wait(seconds: 0.05) } else { Clock.sleep(seconds: 0.005) }
  }

  /// Whether the holder has everything up to `end` in the store; `present` is where the log ends now.
  func answer(for end: LogEnd, present: LogEnd?) -> Answer {
    guard let record = record() else { return .notYet }
    if let difference = difference(of: record) { return difference }
    // A log that was emptied: the record must be of the very file that is there now.
    if end.frame == 0, present == end {
      let stamp = try? PositionRecord.FileStamp.of(path)
      return record.isAtRest && record.file != nil && record.file == stamp ? .stored : .notYet
    }
    guard let position = record.position else { return .notYet }
    if position.salt == end.salt { return position.frame >= end.frame ? .stored : .notYet }
    // The log was restarted since, and the holder has stored something of the epoch that it is in now.
    return position.salt == present?.salt && present?.salt != end.salt ? .stored : .notYet
  }

  /// The transaction that the log ends with at `end`, if the holder has stored exactly that much.
  func transaction(at end: LogEnd) -> UInt64? {
    guard let record = record(), difference(of: record) == nil, case .stored = answer(for: end, present: end)
    else { return nil }
    guard end.frame > 0 else { return record.transaction }
    return record.position?.frame == end.frame ? record.transaction : nil
  }

  private func record() -> PositionRecord? {
    (try? claim.readAll()).flatMap { try? PositionRecord($0, object: claim.path) }
  }

  /// What keeps the holder's word from counting here; nil if nothing does.
  private func difference(of record: PositionRecord) -> Answer? {
    let isSameReplica = record.url == store.url
    guard !isSameReplica || record.keyID != store.encryption?.keyID else { return nil }
    // It may be what a process before it left behind.
    guard let writer = record.writer?.process, holder == nil || holder == writer else { return .notYet }
    guard isSameReplica else {
      return .elsewhere("\(holderText) mirrors \(path) to \(record.url), not to \(store.url)")
    }
    let key = { (id: String?) in id.map { "with key \($0)" } ?? "without encryption" }
    return .elsewhere(
      "\(holderText) mirrors \(path) \(key(record.keyID)), not \(key(store.encryption?.keyID))")
  }

  /// Warns once if the holder mirrors to another place, or with another durability.
  private func warnIfElsewhere() {
    guard !state.withLock({ $0.hasWarned }), let record = record(), let warning = warning(of: record) else {
      return
    }
    state.withLock { $0.hasWarned = true }
    notices.add("mirror: \(warning)")
  }

  private func warning(of record: PositionRecord) -> String? {
    if case .elsewhere(let reason) = difference(of: record) {
      return "\(reason): what is written here is not in \(store.url)"
    }
    guard let writer = record.writer, holder == nil || holder == writer.process,
      writer.durability != settings.durability.rawValue
    else { return nil }
    let outcome =
      settings.durability == .sync
      ? "commits here still wait until it has stored them"
      : "its own commits wait for the store, those here do not"
    return "\(holderText) mirrors with durability \(writer.durability): \(outcome)"
  }
}
