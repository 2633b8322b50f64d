import Bytes
import Files
import History
import ObjectStore
import Replica
import ReplicaCatalog
import ReplicaFormat
import Replicator
import Restore
import SQLite
package import Shell

/// Opens moments of replicas in a session, without a restore.
package final class PastSession {
  private unowned let mirror: MirrorSession
  private var replicas: [String: PastReplica] = [:]
  private var isRegistered = false
  /// The cache on the disk; nil before its first use.
  private var disk: DiskCache??
  /// The moment that the command line asks for; nil if it asks for none.
  private var moment: String?
  /// The given name of the database of which a moment is open.
  private var origin: String?
  /// The opened moments, by the names that SQLite opened them by.
  private var opened: [String: PageReader] = [:]
  /// The prompt to show again when no moment is open.
  private var plainPrompt: String?

  /// The VFS, also for the program's own connections.
  private(set) lazy var files = PastFiles { [unowned self] name, url, moment in
    let reader = try self.reader(name, url: url, moment: moment)
    self.opened[name] = reader
    return reader
  }

  init(_ mirror: MirrorSession) { self.mirror = mirror }

  /// Registers the VFS with SQLite.
  package func register() {
    guard !isRegistered else { return }
    isRegistered = true
    files.register()
  }

  // MARK: Replicas

  /// Returns the replica at a URL; without a URL, the configured one.
  func replica(_ url: String?, for path: String?) throws -> PastReplica {
    let store = try mirror.store(url, for: path)
    if let known = replicas[store.url] { return known }
    // A local replica needs no cache. The content of an encrypted replica must not be stored in
    // plain text.
    let isRemote = !store.url.hasPrefix("file:")
    let cache = ReplicaCache(disk: isRemote && store.encryption == nil ? diskCache() : nil)
    let source = ObjectSource(
      ReplicaCatalog(store), patience: mirror.patience, staysInterrupted: false,
      isInterrupted: mirror.isInterrupted)
    let replica = PastReplica(source, cache)
    replicas[store.url] = replica
    return replica
  }

  /// Flushes the mirror, and returns the replica of the open database.
  func present(_ session: Session, from url: String?) throws -> PastReplica {
    if url == nil, let observer = mirror.mirror, observer.isOn {
      try observer.flush(seconds: mirror.settings.flushTimeout)
    }
    return try replica(url, for: session.database.openConnection?.fileName() ?? session.database.name)
  }

  private func diskCache() -> DiskCache? {
    if let known = disk { return known }
    let made: DiskCache?
    switch ProcessEnvironment.variable("S3_CACHE") {
    case "off"?: made = nil
    case let folder? where folder.hasPrefix("/"): made = DiskCache(folder)
    default:
      let home = ProcessEnvironment.variable("XDG_CACHE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
      let folder = home ?? ProcessEnvironment.homeDirectory.map { $0 + "/.cache" }
      made = folder.flatMap { DiskCache($0 + "/sqlite3-cloud-s3") }
    }
    disk = .some(made)
    return made
  }

  private func reader(_ name: String, url: String?, moment: String?) throws -> PageReader {
    if mirror.refusesInSafeMode("cannot read a replica in safe mode") {
      throw CommandError.message("not authorized")
    }
    let wanted = try moment.map { text throws(CommandError) in try MomentWords.moment(text) } ?? .last
    return try replica(url, for: name).open(RestoreTarget(wanted))
  }

  // MARK: Opening

  /// Returns whether a name can only be the URL of a replica.
  package static func isReplica(_ name: String) -> Bool { name.hasPrefix("s3://") }

  /// Returns the name that opens a moment of a database, or of the replica at a URL.
  package static func name(_ name: String, at moment: String) -> String {
    let isURL = name.contains("://")
    let label =
      isURL ? String(name.split(separator: "/").last ?? "replica") : name
    let url = isURL ? "&url=\(escaped(name))" : ""
    return "file:\(escaped(label))?vfs=replica\(url)&at=\(escaped(moment))"
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: ":"):
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16)
        escaped += "%" + (digits.utf8.count < 2 ? "0" : "") + digits
      }
    }
    return escaped
  }

  /// Replaces the command line's database by a moment of it, if the command line asks for one.
  ///
  /// Does the same if the database is the URL of a replica.
  package func willOpen(_ session: Session) throws {
    register()
    let database = session.database
    guard let name = database.name, moment != nil || Self.isReplica(name) else { return }
    guard name != ":memory:" else {
      throw CommandError.message("-at needs a database file, or the URL of a replica")
    }
    origin = name
    database.name = Self.name(name, at: moment ?? "last")
    database.manner = .readOnly
    // Connect now, so that the first prompt shows the moment.
    _ = try session.connection
  }

  /// Sets the moment that the command line asks for.
  package func setMoment(_ text: String) throws(CommandError) {
    _ = try MomentWords.moment(text)
    moment = text
  }

  /// Opens a moment in place of the session's database.
  ///
  /// Without a name, opens a moment of the database that is open.
  func open(_ name: String?, at moment: String, in session: Session) throws {
    _ = try MomentWords.moment(moment)
    let open = session.database.openConnection
    let present = open.flatMap { reader(of: $0) } != nil ? origin : open?.fileName() ?? session.database.name
    guard let name = name ?? present, !name.isEmpty, name != ":memory:" else {
      throw CommandError.message("Error: no database is open: name a database or the URL of a replica")
    }
    origin = name
    try session.database.open(Self.name(name, at: moment), .readOnly)
  }

  /// Returns the moment that a connection has as its main database; nil if it is an ordinary
  /// database.
  func reader(of connection: Connection) -> PageReader? {
    guard connection.vfs("main")?.name == files.vfs, let name = connection.fileName() else { return nil }
    return opened[name]
  }

  /// Shows the open moment in the prompt, and restricts its schema to harmless functions.
  func didOpen(_ connection: Connection, in session: Session) {
    guard let reader = reader(of: connection), let name = connection.fileName() else {
      if let plainPrompt { session.input.prompt = plainPrompt }
      plainPrompt = nil
      return
    }
    // A replica may come from an untrusted source, so its schema may call only harmless functions.
    connection.set("defensive", true)
    connection.set("trusted_schema", false)
    if plainPrompt == nil {
      guard session.input.prompt == "sqlite> " else { return }
      plainPrompt = session.input.prompt
    }
    var label = String(name.split(separator: "/").last ?? "")
    if label.hasSuffix(".db") { label = String(label.dropLast(3)) }
    session.input.prompt = "\(label.escapingControls())@\(reader.moment.transaction)> "
  }

  /// Returns a line for the start of an interactive session; nil if no moment is open.
  func greeting(_ connection: Connection?) -> String? {
    guard let connection, let reader = reader(of: connection) else { return nil }
    return "Read-only: \(Self.text(reader))"
  }

  static func text(_ reader: PageReader) -> String {
    "transaction \(reader.moment.transaction), \(ISOTime.text(reader.moment.time))"
  }
}
