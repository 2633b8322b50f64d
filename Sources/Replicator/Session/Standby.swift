import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import SQLite
import Synchronization
import WALFormat

/// Waits for the end of the process that mirrors the database, and then takes over.
///
/// That process captures the commits of this one meanwhile. A thread of its own waits, because the
/// session may stay at its prompt for days.
final class Standby: Sendable {
  /// The process that mirrors, if the system reports it.
  let holder: Int?
  private let notices: NoticeQueue
  private let path: String
  private let store: any ObjectStore
  private let settings: MirrorSettings
  /// The record beside the database; the process that has locked it mirrors.
  let view: HolderView
  private let state = Mutex(State())
  private let ended = Semaphore()

  private struct State {
    /// The pipeline that the thread has begun and the session has not taken yet.
    var pipeline: Pipeline?
    var isEnded = false
    var hasWarned = false
  }

  init(_ path: String, claim: File, store: any ObjectStore, settings: MirrorSettings, notices: NoticeQueue) {
    self.path = path
    view = HolderView(path, claim: claim)
    self.store = store
    self.settings = settings
    self.notices = notices
    holder = view.holder
  }

  private var claim: File { view.claim }
  var holderText: String { holder.map { "process \($0)" } ?? "another process" }

  // MARK: Taking over

  /// Seconds between two checks whether the holder has ended.
  private static let interval = 0.5

  /// Starts the thread that waits for the holder's end.
  func start() {
    DispatchQueue(label: "mirror.standby").async {
      while !self.ended.wait(seconds: Self.interval) {
        self.warnIfElsewhere()
        if self.takeOver() { return }
      }
    }
  }

  /// Begins to mirror if the holder has ended; the session takes the pipeline later.
  private func takeOver() -> Bool {
    state.withLock { state in
      guard !state.isEnded, state.pipeline == nil else { return true }
      guard (try? claim.tryLock()) == true else { return false }
      // A process holds the database exclusively, or the database no longer has a log: the session
      // handles that.
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

  /// Returns the pipeline that the thread has begun, once; the standby has ended then.
  func takePipeline() -> Pipeline? {
    state.withLock { state in
      guard let pipeline = state.pipeline else { return nil }
      state.pipeline = nil
      state.isEnded = true
      return pipeline
    }
  }

  /// Returns the claim, for a session that begins to mirror itself; nil if the holder still has it.
  func takeClaim() -> File? {
    state.withLock { state in
      guard !state.isEnded, state.pipeline == nil, (try? claim.tryLock()) == true else { return nil }
      state.isEnded = true
      return claim
    }
  }

  /// Undoes `takeClaim`, so that the thread tries again.
  func giveBackClaim() { state.withLock { $0.isEnded = false } }

  /// Ends the thread, and returns the pipeline that it has begun.
  func end() -> Pipeline? {
    let pipeline = takePipeline()
    state.withLock { $0.isEnded = true }
    ended.signal()
    return pipeline
  }

  // MARK: What the holder has stored

  /// The answer of the record about a place in the log.
  enum Answer {
    case stored
    case notYet
    /// The holder mirrors to another replica, or with another key.
    case elsewhere(String)
  }

  /// Returns whether the holder has stored everything up to `end`; `present` is the log's current
  /// end.
  func answer(for end: LogEnd, present: LogEnd?) -> Answer {
    guard let record = view.record else { return .notYet }
    if let difference = difference(of: record) { return difference }
    return view.isStored(end, present: present, in: record) ? .stored : .notYet
  }

  /// Returns the last transaction of the log at `end`, if the holder has stored exactly that much.
  func transaction(at end: LogEnd) -> UInt64? {
    guard let record = view.record, difference(of: record) == nil,
      case .stored = answer(for: end, present: end)
    else { return nil }
    guard end.frame > 0 else { return record.transaction }
    return record.position?.frame == end.frame ? record.transaction : nil
  }

  /// Returns the reason for which the holder's record does not count here; nil if it counts.
  private func difference(of record: PositionRecord) -> Answer? {
    let isSameReplica = record.url == store.url
    guard !isSameReplica || record.keyID != store.encryption?.keyID else { return nil }
    // The record may be left over from an earlier process.
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
    guard !state.withLock({ $0.hasWarned }), let record = view.record, let warning = warning(of: record)
    else {
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
