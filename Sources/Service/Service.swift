import Files
package import ObjectStore
package import Replicator

/// Mirrors many databases that other programs write, without a prompt, until a signal.
///
/// - `Service` has the loop: events in, decisions out, all on the calling thread.
/// - `ServedFolder` finds databases in a folder and below, and watches the names there.
/// - `ServedDatabase` has the state of one database, and its `DatabaseMirror`.
/// - `EventQueue` collects what the threads of the mirrors and the watch report.
/// - `ServiceLog` prints one line for each event.
///
/// ```
/// let service = Service(options, settings: settings, log: ServiceLog(.text)) { try makeStore($0) }
/// exit(service.run())
/// ```
package final class Service {
  /// What to mirror.
  package struct Options: Sendable {
    /// Databases and folders, as named by the user.
    package var sources: [String] = []
    /// The names of databases in folders.
    package var patterns = ["*.db", "*.sqlite", "*.sqlite3"]

    package init() {}
  }

  private let options: Options
  let settings: MirrorSettings
  let log: ServiceLog
  /// Makes the store of the replica at a path below the mirror's URL.
  private let makeStore: @Sendable (String) throws -> any ObjectStore
  private let host = PipelineHost()
  let events = EventQueue()
  private let control = ServiceControl()
  let supervisor = Supervisor(SystemdNotifier())
  private var folders: [String: ServedFolder] = [:]
  /// Folders named by the user that are gone, and the time of the next look for each.
  private var missing: [String: Double] = [:]
  private(set) var databases: [String: ServedDatabase] = [:]
  /// Watches of folders that hold databases named by the user.
  private var parents: Set<String> = []

  package init(
    _ options: Options, settings: MirrorSettings, log: ServiceLog,
    makeStore: @escaping @Sendable (String) throws -> any ObjectStore
  ) {
    self.options = options
    self.settings = settings
    self.log = log
    self.makeStore = makeStore
  }

  /// Mirrors until a signal; returns the exit code.
  package func run() -> Int32 {
    ProcessLimits.raiseOpenFiles()
    StopSignal.install(waking: events.arrivals)
    if host.watch == nil {
      log.add(
        .warning, "no inotify instance is left: logs are read every second (fs.inotify.max_user_instances)")
    }
    for source in options.sources { addSource(source) }
    guard !databases.isEmpty || !folders.isEmpty else {
      log.add(.error, "nothing to mirror")
      return 1
    }
    let count = databases.count == 1 ? "1 database" : "\(databases.count) databases"
    log.add(.info, "serving \(count)", event: "serving")
    if !control.start() {
      log.add(.warning, "another process has the control socket's name: -status sees only positions")
    }
    while StopSignal.received == 0 {
      control.publish(databases)
      supervisor.report(databases.values.map(\.phase), host)
      events.wait(seconds: [secondsToNextRetry, supervisor.secondsToNextSign].compactMap { $0 }.min())
      for event in events.take() { handle(event) }
      retryWhatIsDue()
    }
    return end()
  }

  // MARK: Sources

  private func addSource(_ source: String) {
    do {
      guard let path = Folder.canonical(source), let info = try FileInfo.of(path) else {
        return log.add(.error, "there is no such file or folder", about: source, event: "missing")
      }
      if info.isFolder {
        warnOfNetwork(path)
        add(ServedFolder(path, relative: ""))
      } else {
        warnOfNetwork(Folder.parent(of: path))
        add(path, relative: name(of: source))
      }
    } catch {
      log.add(.error, "\(error)", about: source, event: "missing")
    }
  }

  private func name(of path: String) -> String { String(path.split(separator: "/").last ?? "database") }

  private func warnOfNetwork(_ folder: String) {
    guard let kind = FileSystemKind.network(folder) else { return }
    log.add(
      .warning,
      "on \(kind): SQLite's log does not work between hosts, so only programs on this host may write",
      about: folder, event: "network")
  }

  private func add(_ folder: ServedFolder) {
    guard folders[folder.path] == nil else { return }
    folders[folder.path] = folder
    folder.watch = watchNames(folder.path)
    // Watched first, so that no file between is missed.
    do {
      for entry in try folder.entries() { found(entry, in: folder) }
    } catch {
      log.add(.error, "\(error)", about: folder.path, event: "unreadable")
    }
  }

  private func found(_ entry: ServedFolder.Entry, in folder: ServedFolder) {
    guard !SideFiles.isSide(entry.name) else { return }
    let path = folder.path + "/" + entry.name
    let relative = folder.relative + entry.name
    if entry.isFolder { return add(ServedFolder(path, relative: relative + "/")) }
    guard ServedFolder.matches(entry.name, options.patterns) else { return }
    add(path, relative: relative)
  }

  private func watchNames(_ folder: String) -> SharedWatch.Token? {
    let events = events
    let number = host.watch?.add(folder, .names) { change in
      events.post(change.isGone || change.isOverflow ? .folder(folder) : .name(change.name, folder: folder))
    }
    if number == nil, host.watch != nil {
      log.add(
        .warning, "cannot be watched (fs.inotify.max_user_watches): new databases are not noticed",
        about: folder, event: "unwatched")
    }
    return number
  }

  /// Begins to serve a database, unless its file or replica is served under another name.
  private func add(_ named: String, relative: String) {
    guard let path = Folder.canonical(named), databases[path] == nil else { return }
    let info = try? FileInfo.of(path)
    if let other = databases.values.first(where: { info != nil && $0.isSame(as: info) && !$0.isGone }) {
      return log.add(
        .error, "not mirrored: it is the same file as \(other.path)", about: named, event: "refused")
    }
    let database = ServedDatabase(path, relative: relative, info: info)
    if let other = databases.values.first(where: { $0.replica == database.replica && !$0.isGone }) {
      return log.add(
        .error, "not mirrored: its replica \(database.replica) is that of \(other.path)", about: path,
        event: "refused")
    }
    let parent = Folder.parent(of: path)
    if folders[parent] == nil, parents.insert(parent).inserted { _ = watchNames(parent) }
    databases[path] = database
    start(database)
  }

  // MARK: Databases

  /// The maximum number of mirrors.
  ///
  /// The rest of the permitted open files is for requests, without which no mirror could go on.
  private var mostMirrors: Int { max((ProcessLimits.openFiles - 64) / PipelineHost.filesOfPipeline, 1) }

  /// Starts the mirror of a database on a thread of the host.
  private func start(_ database: ServedDatabase) {
    database.retryAt = nil
    guard databases.values.count(where: { $0.isRunning || $0.phase == .starting }) <= mostMirrors else {
      return fail(
        database, "only \(ProcessLimits.openFiles) open files are permitted (ulimit -n): raise the limit",
        retryAfter: 60)
    }
    let (path, events) = (database.path, events)
    do {
      let mirror =
        try database.mirror
        ?? DatabaseMirror(
          path, store: makeStore(database.replica), settings: settings, host: host,
          ready: { events.post(.ready(path)) }, ended: { events.post(.ended(path)) },
          notice: { events.post(.notice($0, $1, database: path)) })
      database.mirror = mirror
      database.phase = .starting
      host.run { events.post(.started(path, Result { try mirror.start() })) }
    } catch {
      fail(database, "\(error)", retryAfter: 60)
    }
  }

  func handle(_ event: EventQueue.Event) {
    switch event {
    case .name(let name, let folder): nameChanged(name, folder)
    case .folder(let path): folderChanged(path)
    case .changed(let path):
      if let database = databases[path], database.phase == .idle { start(database) }
    case .started(let path, let result): if let database = databases[path] { started(database, result) }
    case .ready(let path): if let database = databases[path] { ready(database) }
    case .ended(let path): if let database = databases[path] { ended(database) }
    case .notice(let text, let kind, let path): noticed(text, kind, path)
    }
  }

  private func started(_ database: ServedDatabase, _ result: Result<DatabaseMirror.Start, any Error>) {
    switch result {
    case .success(.begun): if database.phase == .starting { database.phase = .begun }
    case .success(.empty):
      database.phase = .idle
      watchContent(of: database)
    case .success(.held(let holder)):
      database.phase = .held
      say(database, .warning, "\(holder) mirrors it; this service waits", event: "standby")
      retry(database, longest: 10)
    case .failure(let error as MirrorError) where error.code == .unsuitable:
      database.phase = .idle
      say(database, .error, "not mirrored: \(error)", event: "unsuitable")
      watchContent(of: database)
    case .failure(let error):
      database.phase = .failed
      guard FileInfo.exists(database.path) else { return forget(database) }
      say(database, .error, "not mirrored yet: \(error)", event: "failed")
      retry(database, longest: 30)
    }
  }

  private func ready(_ database: ServedDatabase) {
    database.phase = .ready
    database.failures = 0
    database.said = nil
    log.add(
      .info, "mirrored to \(database.mirror?.store.url ?? "")", about: database.path, event: "mirrored")
  }

  /// Handles a mirror that has ended by itself.
  private func ended(_ database: ServedDatabase) {
    guard let status = database.mirror?.status else { return }
    let failure = database.mirror?.failure
    database.mirror?.drop()
    if !database.isSame(as: try? FileInfo.of(database.path)) { return forget(database, status) }
    // The file was away for a moment, and is back.
    if failure?.code == .unsuitable { return start(database) }
    fail(database, status.lastError ?? "the mirror has ended", retryAfter: 60)
  }

  private func fail(_ database: ServedDatabase, _ reason: String, retryAfter seconds: Double) {
    database.phase = .failed
    say(database, .error, "not mirrored: \(reason)", event: "failed")
    database.retryAt = Clock.monotonicSeconds + seconds
  }

  /// Reports a database that is gone, and serves the file that took its place.
  private func forget(_ database: ServedDatabase, _ status: MirrorStatus? = nil) {
    database.phase = .gone
    databases[database.path] = nil
    let last = status.map { $0.stored > 0 ? ", mirrored up to transaction \($0.stored)" : "" } ?? ""
    let left = status.map { $0.captured > $0.stored ? "; later ones are lost" : "" } ?? ""
    log.add(.warning, "removed\(last)\(left)", about: database.path, event: "removed")
    if FileInfo.exists(database.path) { add(database.path, relative: database.relative) }
  }

  private func noticed(_ text: String, _ kind: NoticeKind, _ path: String) {
    // The end of the mirror is an event of its own.
    guard kind != .end else { return }
    let message = text.hasPrefix("mirror: ") ? String(text.dropFirst(8)) : text
    log.add(kind == .news ? .info : .warning, message, about: path, event: "notice")
  }

  /// Prints a line about a database, unless it is the same as the last one.
  private func say(_ database: ServedDatabase, _ level: ServiceLog.Level, _ text: String, event: String) {
    guard database.said != text else { return }
    database.said = text
    log.add(level, text, about: database.path, event: event)
  }

  // MARK: Changes of files

  private func watchContent(of database: ServedDatabase) {
    let (path, events) = (database.path, events)
    let number = host.watch?.add(path, .firstWrite) { _ in events.post(.changed(path)) }
    if number == nil { retry(database, longest: 60) }
    // It may have changed before the watch.
    if let info = try? FileInfo.of(path), info != database.info {
      database.info = info
      events.post(.changed(path))
    }
  }

  private func nameChanged(_ name: String, _ folder: String) {
    let path = folder + "/" + name
    if let database = databases[path] {
      if database.isRunning { database.mirror?.checkFile() } else { refresh(database) }
      return
    }
    guard let served = folders[folder] else { return }
    guard let info = try? FileInfo.of(path, followingLinks: false) else {
      // The watch of a removed folder reports that only when none of its files is open any more.
      if folders[path] != nil { folderChanged(path) }
      return
    }
    if info.isFolder {
      found(ServedFolder.Entry(name: name, isFolder: true), in: served)
    } else if info.isRegular, ServedFolder.matches(name, options.patterns) {
      if databases[Folder.canonical(path) ?? path] == nil {
        log.add(.info, "found", about: path, event: "found")
      }
      found(ServedFolder.Entry(name: name, isFolder: false), in: served)
    }
  }

  /// Looks again at a database that is not mirrored.
  private func refresh(_ database: ServedDatabase) {
    let info = try? FileInfo.of(database.path)
    if !database.isSame(as: info) { forget(database) } else if database.phase == .idle { start(database) }
  }

  private func folderChanged(_ path: String) {
    for database in databases.values where Folder.parent(of: database.path) == path {
      nameChanged(name(of: database.path), path)
    }
    guard let folder = folders[path] else { return }
    if (try? FileInfo.of(path))?.isFolder == true {
      // Events were lost, so anything may be new.
      for entry in (try? folder.entries()) ?? [] { nameChanged(entry.name, path) }
    } else {
      folders[path] = nil
      // A folder below comes back with its parent.
      if folder.relative.isEmpty { missing[path] = Clock.monotonicSeconds + Self.folderPause }
      if let number = folder.watch { host.watch?.remove(number) }
      log.add(.warning, "the folder is gone", about: path, event: "removed")
    }
  }

  // MARK: Retries

  private func retry(_ database: ServedDatabase, longest: Double) {
    database.failures += 1
    let pause = RetryPolicy.pause(after: database.failures, longest: longest)
    database.retryAt = Clock.monotonicSeconds + pause
  }

  /// Seconds between two looks for a folder that is gone.
  private static let folderPause = 5.0

  private var secondsToNextRetry: Double? {
    (databases.values.compactMap(\.retryAt) + missing.values).min().map {
      max($0 - Clock.monotonicSeconds, 0)
    }
  }

  private func retryWhatIsDue() {
    let now = Clock.monotonicSeconds
    for (path, due) in missing where due <= now {
      missing[path] = now + Self.folderPause
      guard (try? FileInfo.of(path))?.isFolder == true else { continue }
      missing[path] = nil
      log.add(.info, "the folder is back", about: path, event: "found")
      add(ServedFolder(path, relative: ""))
    }
    for database in databases.values where database.retryAt.map({ $0 <= now }) ?? false { start(database) }
  }
}
