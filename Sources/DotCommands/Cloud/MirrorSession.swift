import Encryption
import Files
package import Replicator
package import ObjectStore
import ReplicaFormat
package import SQLite
package import Shell

/// Begins a mirror when a database opens, and ends it when everything is stored.
///
/// It makes the stores of all cloud commands, with an `EncryptedStore` over each. Neither
/// `Replicator` nor `Restore` knows of encryption, except for the key's identifier.
package final class MirrorSession: SessionObserver {
  /// The configured target of the mirror.
  package enum Configuration: Sendable {
    case off
    /// The database of the command line, to this URL.
    case fixed(ReplicaURL)
    /// Every database file, each with its own name as prefix in a bucket.
    case bucket(ReplicaURL)
  }

  package var configuration = Configuration.off
  package var settings = MirrorSettings()
  /// Whether nothing is mirrored, and only the settings are checked.
  package var isCheckOnly = false
  /// The error of the environment, reported when a mirror begins.
  package var configurationError: String?
  private let encryption: EncryptionSettings?
  private let makePlainStore: (ReplicaURL) throws -> any ObjectStore
  private(set) var mirror: ReplicationObserver?
  private var connection: Connection?
  private var firstPath: String?
  private weak var session: Session?
  /// What `.mirror on` and `.mirror off` chose for a database, also when it is opened again.
  private var chosen: [String: Choice] = [:]

  private enum Choice {
    case on(ReplicaURL, isUnfenced: Bool)
    case off
  }
  private var told: Set<String> = []
  var once = FailureOnce()
  /// Moments that are read in place.
  package private(set) lazy var past = PastSession(self)
  private var complaints: [String] = []
  private var unmirrored: UnmirroredCommits?
  /// Whether the database is being closed because a restore will replace it.
  var isReplacing = false
  /// The last database that was restored in this session, its source, and its state.
  var restored: (path: String, url: String, moment: MirrorSettings.Restored)?
  /// Whether Ctrl-C was pressed.
  package var isInterrupted: (@Sendable () -> Bool)?
  /// Seconds without any bytes from the store before a restore gives up.
  package var patience = 60.0

  private var metrics: MetricsFile?

  package init(
    encryption: EncryptionSettings? = nil, makeStore: @escaping (ReplicaURL) throws -> any ObjectStore
  ) {
    self.encryption = encryption
    makePlainStore = makeStore
  }

  /// Makes a store that encrypts with the key, and recognizes encrypted objects without one.
  private func makeStore(_ url: ReplicaURL) throws -> any ObjectStore {
    EncryptedStore(
      try makePlainStore(url), keys: try encryption?.keys() ?? .empty, open: ReplicaLayout.open)
  }

  /// Makes a store for other programs' replicas, which we do not encrypt.
  func plainStore(_ url: String) throws -> any ObjectStore {
    if let configurationError { throw CommandError.message("Error: \(configurationError)") }
    return try makePlainStore(ReplicaURL(url))
  }

  /// Whether there is a key for encryption.
  var hasKey: Bool { get throws { try !(encryption?.keys() ?? .empty).keys.isEmpty } }

  /// Makes a store for a URL; nil means the configured one.
  func store(_ url: String?, for path: String?) throws -> any ObjectStore {
    if let configurationError { throw CommandError.message("Error: \(configurationError)") }
    if let url { return try makeStore(ReplicaURL(url).named(for: path ?? "database")) }
    if let mirror { return mirror.store }
    switch configuration {
    case .fixed(let url), .bucket(let url): return try makeStore(url.named(for: path ?? "database"))
    case .off:
      throw CommandError.message(
        "Error: no mirror is configured: name one with --from URL, -mirror URL or S3_BUCKET")
    }
  }

  /// Makes a separate store; without a database's name, at the root of the bucket.
  func newStore(_ url: String?, for path: String?) throws -> any ObjectStore {
    if let configurationError { throw CommandError.message("Error: \(configurationError)") }
    var place: ReplicaURL
    if let url {
      place = try ReplicaURL(url)
    } else {
      switch configuration {
      case .fixed(let url), .bucket(let url): place = url
      case .off:
        throw CommandError.message(
          "Error: no mirror is configured: name one with -mirror URL or S3_BUCKET")
      }
    }
    if let path { place = place.named(for: path) }
    return try makeStore(place)
  }

  /// The file of the mirrored database.
  var mirroredPath: String? { connection?.fileName() }

  /// Returns the status of the mirror; before the database is opened, the expected one.
  func status(of path: String?, isOpen: Bool) -> MirrorStatus {
    if let mirror { return mirror.status() }
    var status = MirrorStatus()
    status.lastError = configurationError
    if isOpen { return status }
    guard case .off = configuration else {
      status.phase = .waiting
      status.durability = settings.durability
      let store = try? store(nil, for: path)
      status.url = store?.url ?? ""
      status.keyID = store?.encryption?.keyID
      return status
    }
    return status
  }

  /// Returns whether a mirror is configured, and its database is not open yet.
  func isWaiting(for session: Session) -> Bool {
    if case .off = configuration { return false }
    return mirror == nil && configurationError == nil && session.database.openConnection == nil
  }

  /// Begins to mirror a connection to a URL, and replaces the current mirror.
  ///
  /// `isUnfenced` allows `-durability sync` with a store that ignores conditional writes.
  func begin(_ url: String, on connection: Connection, newGeneration: Bool, isUnfenced: Bool) throws {
    // If the new mirror cannot begin, the current one continues.
    let store = try observed(store(url, for: connection.fileName()))
    // A mirror that has ended has nothing to complete, so the new one replaces it.
    let old = ended()
    if let error = old.error, old.reason == nil { throw error }
    try? MirrorLogTable.install(on: connection, self)
    var settings = settings
    settings.newGeneration = newGeneration
    settings.isUnfencedAllowed = settings.isUnfencedAllowed || isUnfenced
    try attach(ReplicationObserver(store: store, settings: settings), to: connection, isNew: false)
    if let path = connection.fileName() {
      chosen[path] = .on(try ReplicaURL(url).named(for: path), isUnfenced: isUnfenced)
    }
    told.remove("off")
  }

  private func attach(_ mirror: ReplicationObserver, to connection: Connection, isNew: Bool = true) throws {
    try mirror.attach(to: connection, isNew: isNew)
    self.mirror = mirror
    self.connection = connection
    unmirrored = nil
    mirror.isInterrupted = isInterrupted
  }

  /// Ends the mirror when everything is stored.
  func stop() throws {
    guard let mirror else { return }
    defer {
      self.mirror = nil
      connection = nil
    }
    try showing("mirror", mirror) { try mirror.stop() }
  }

  /// The reason why the mirror ended; nil if it did not.
  var failure: String? {
    guard let status = mirror?.status(), status.phase == .failed else { return nil }
    return status.lastError
  }

  /// Returns a command's error without the reason why the mirror ended, if that was printed before.
  func shortened(_ error: any Error, because reason: String?) -> any Error {
    let message = if case CommandError.message(let text) = error { text } else { "Error: \(error)" }
    let text = once.text(of: message, because: reason)
    return text == message ? error : CommandError.message(text)
  }

  /// Stops the mirror; returns its error, unread notices, and the reason why it had ended.
  private func ended() -> (error: (any Error)?, notices: [String], reason: String?) {
    let (ending, reason) = (mirror, failure)
    var failed: (any Error)?
    do { try stop() } catch { failed = error }
    let notices = ending?.takeNotices() ?? []
    return (failed, notices, reason ?? FailureOnce.reason(in: notices))
  }

  /// Runs something that uploads, and shows how much has arrived.
  func showing<Value>(_ title: String, _ mirror: ReplicationObserver, _ body: () throws -> Value) rethrows
    -> Value
  {
    guard let session, let monitor = mirror.monitor else { return try body() }
    let before = monitor().lagBytes
    return try session.progress.during(
      title, when: session.isInteractive,
      {
        let now = monitor()
        return (now.baseBytesSent + max(0, before - now.lagBytes), now.baseBytes + before)
      }, body)
  }

  /// Ends the mirror on the user's command: the database is not mirrored when it is opened again.
  func turnOff() throws {
    if let path = connection?.fileName() { chosen[path] = .off }
    unmirrored = nil
    try stop()
  }

  // MARK: Metrics

  /// Writes a file of metrics from the first database on.
  package func writeMetrics(to path: String) { metrics = MetricsFile(path) }

  private func observed(_ store: any ObjectStore) -> any ObjectStore {
    guard let metrics else { return store }
    return ObservedStore(store, in: metrics.ledger) { Clock.wallMicroseconds }
  }

  private func noteMetrics(_ session: Session) {
    guard let metrics else { return }
    let path = connection?.fileName() ?? session.database.openConnection?.fileName() ?? session.database.name
    metrics.note(
      status(of: path, isOpen: session.database.openConnection != nil), mirror?.monitor, database: path ?? "")
  }

  // MARK: The session

  package func connectionDidOpen(_ connection: Connection, in session: Session) {
    defer {
      for warning in encryption?.takeWarnings() ?? [] { tell(warning, session) }
      if !isCheckOnly { noteMetrics(session) }
    }
    self.session = session
    past.didOpen(connection, in: session)
    // Before the mirror looks at functions that reach outside; sqlite3 has no such table.
    if !session.settings.isSafe, mayBeMirrored(connection) {
      try? MirrorLogTable.install(on: connection, self)
      try? MirrorChangesTable.install(on: connection, self)
    }
    guard !isCheckOnly, let url = url(for: connection, in: session) else { return }
    if let configurationError {
      refuse(configurationError, connection, session)
      return
    }
    guard mirror == nil else {
      tell("only the first database is mirrored", session)
      return
    }
    do {
      let store = try observed(makeStore(url))
      var settings = settings
      if case .on(_, isUnfenced: true) = chosen[connection.fileName() ?? ""] {
        settings.isUnfencedAllowed = true
      }
      settings.restored = takeRestored(connection, store.url)
      try attach(ReplicationObserver(store: store, settings: settings), to: connection)
    } catch let error as MirrorError where error.code == .unsuitable {
      tell(error.message, session)
    } catch {
      refuse("\(error)", connection, session)
    }
  }

  /// Returns the state to which a database was just restored from its own replica, once; else nil.
  private func takeRestored(_ connection: Connection, _ url: String) -> MirrorSettings.Restored? {
    guard let restored, let path = connection.fileName(), restored.url == url,
      Folder.canonical(restored.path) == Folder.canonical(path)
    else { return nil }
    self.restored = nil
    return restored.moment
  }

  /// Handles a connection whose mirror cannot begin.
  private func refuse(_ reason: String, _ connection: Connection, _ session: Session) {
    complain("mirror off: \(reason)", session)
    // A database in memory would not be mirrored anyway.
    guard settings.durability == .sync, connection.fileName()?.isEmpty == false else { return }
    unmirrored = UnmirroredCommits(connection, because: reason)
  }

  /// Ends the program in safe mode, after the statement that asks has failed.
  func refusesInSafeMode(_ complaint: String) -> Bool {
    guard let session, session.settings.isSafe else { return false }
    session.settings.violation = complaint
    return true
  }

  private func mayBeMirrored(_ connection: Connection) -> Bool {
    if case .off = configuration, chosen[connection.fileName() ?? ""] == nil { return false }
    return true
  }

  /// Returns the target for a database that was just opened.
  private func url(for connection: Connection, in session: Session) -> ReplicaURL? {
    // The past is read, never mirrored.
    if past.reader(of: connection) != nil { return nil }
    let path = connection.fileName() ?? ""
    switch chosen[path] {
    case .on(let url, _): return url
    case .off: return nil
    case nil: break
    }
    switch configuration {
    case .off: return nil
    case .bucket(let url): return url.named(for: path)
    case .fixed(let url):
      // The URL is for one database: another one must not be mixed into it.
      if path.isEmpty { return url }
      firstPath = firstPath ?? path
      guard path == firstPath else {
        tell("\(path) is not mirrored: use .mirror on URL", session)
        return nil
      }
      return url.named(for: path)
    }
  }

  package func connectionWillClose(_ connection: Connection, in session: Session) {
    if unmirrored?.connection === connection { unmirrored = nil }
    guard connection === self.connection else { return }
    let (error, _, reason) = ended()
    // The mirror was refused, so there is nothing to flush before the restore.
    if (error as? MirrorError)?.code == .refused, isReplacing { return }
    if let error { complain(once.text(of: unfinished(error), because: reason), session) }
  }

  package func inputDidComplete(in session: Session) -> Int {
    if metrics?.isStarted == true { noteMetrics(session) }
    if let failure = unmirrored?.take() {
      session.errors.tell("Error: \(failure)")
      return 1
    }
    guard let mirror, mirror.mayHaveNews else { return 0 }
    let reason = failure
    for notice in once.news(mirror.takeNotices(), because: reason) { session.errors.tell(notice) }
    let failures = mirror.takeFailures()
    for failure in failures { session.errors.tell(once.text(of: "Error: \(failure)", because: reason)) }
    return failures.count
  }

  package func sessionWillEnd(_ session: Session) -> String? {
    if metrics?.isStarted == true { noteMetrics(session) }
    let (error, notices, reason) = ended()
    for notice in once.news(notices, because: reason) { session.errors.tell(notice) }
    if let error { complaints.append(once.text(of: unfinished(error), because: reason)) }
    if let complaint = metrics?.end() { complaints.append(complaint) }
    metrics = nil
    return complaints.isEmpty ? nil : complaints.joined(separator: "\nError: ")
  }

  private func unfinished(_ error: any Error) -> String {
    let status = mirror?.status()
    let left = (status?.captured ?? 0) - min(status?.stored ?? 0, status?.captured ?? 0)
    return left > 0
      ? "\(left) transactions are not mirrored: \(error)" : "the mirror is not complete: \(error)"
  }

  /// Prints a notice once.
  private func tell(_ notice: String, _ session: Session) {
    if told.insert(notice).inserted { session.errors.tell("-- \(notice)") }
  }

  private func complain(_ complaint: String, _ session: Session) {
    guard told.insert(complaint).inserted else { return }
    if session.isBatch { complaints.append(complaint) } else { session.errors.tell("Error: \(complaint)") }
  }
}
