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

/// Moments of replicas that a session reads in place.
package final class PastSession {
  private unowned let mirror: MirrorSession
  private var replicas: [String: PastReplica] = [:]
  private var isRegistered = false
  /// The cache on the disk, once it was asked for.
  private var disk: DiskCache??
  /// What the command line asks to open in place of the database; nil for the database itself.
  private var moment: String?
  /// The name of the database of which a moment is open, as it was given.
  private var origin: String?
  /// The moments of databases that were opened by name.
  private var opened: [String: PageReader] = [:]
  /// The prompt before that of a moment took its place.
  private var plainPrompt: String?

  /// The VFS, for connections of ours too.
  private(set) lazy var files = PastFiles { [unowned self] name, url, moment in
    let reader = try self.reader(name, url: url, moment: moment)
    self.opened[name] = reader
    return reader
  }

  init(_ mirror: MirrorSession) { self.mirror = mirror }

  /// Gives SQLite the VFS.
  package func register() {
    guard !isRegistered else { return }
    isRegistered = true
    files.register()
  }

  // MARK: Replicas

  /// A replica; nil stands for the configured one.
  func replica(_ url: String?, for path: String?) throws -> PastReplica {
    let store = try mirror.store(url, for: path)
    if let known = replicas[store.url] { return known }
    // A replica on the disk needs no second copy there, and what is encrypted stays so.
    let isRemote = !store.url.hasPrefix("file:")
    let cache = ReplicaCache(disk: isRemote && store.encryption == nil ? diskCache() : nil)
    let source = ObjectSource(
      ReplicaCatalog(store), patience: mirror.patience, staysInterrupted: false,
      isInterrupted: mirror.isInterrupted)
    let replica = PastReplica(source, cache)
    replicas[store.url] = replica
    return replica
  }

  /// The replica of the open database, with what was committed just now.
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

  /// Whether a name is the URL of a replica, and of nothing else.
  package static func isReplica(_ name: String) -> Bool { name.hasPrefix("s3://") }

  /// The name by which SQLite opens a moment of a database, or of the replica at a URL.
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

  /// Prepares the command line's database: a moment of it, or of a replica, takes its place.
  package func willOpen(_ session: Session) throws {
    register()
    let database = session.database
    guard let name = database.name, moment != nil || Self.isReplica(name) else { return }
    guard name != ":memory:" else {
      throw CommandError.message("-at takes a database, or the URL of a replica, too")
    }
    origin = name
    database.name = Self.name(name, at: moment ?? "last")
    database.manner = .readOnly
    // Now, so that the first prompt shows the moment.
    _ = try session.connection
  }

  /// The moment that the command line asks for.
  package func setMoment(_ text: String) throws(CommandError) {
    _ = try MomentWords.moment(text)
    moment = text
  }

  /// Opens a moment in place of the session's database; without a name, of the one that is open.
  func open(_ name: String?, at moment: String, in session: Session) throws {
    _ = try MomentWords.moment(moment)
    let open = session.database.openConnection
    let present = open.flatMap { reader(of: $0) } != nil ? origin : open?.fileName() ?? session.database.name
    guard let name = name ?? present, !name.isEmpty, name != ":memory:" else {
      throw CommandError.message("Error: no database is open: name one, or the URL of a replica")
    }
    origin = name
    try session.database.open(Self.name(name, at: moment), .readOnly)
  }

  /// The moment that a connection's main database is; nil if it is none.
  func reader(of connection: Connection) -> PageReader? {
    guard connection.vfs("main")?.name == files.vfs, let name = connection.fileName() else { return nil }
    return opened[name]
  }

  /// Shows which moment is open.
  func didOpen(_ connection: Connection, in session: Session) {
    guard let reader = reader(of: connection), let name = connection.fileName() else {
      if let plainPrompt { session.input.prompt = plainPrompt }
      plainPrompt = nil
      return
    }
    // A replica may come from a stranger: its schema calls nothing that reaches outside.
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

  /// A line for the start of an interactive session.
  func greeting(_ connection: Connection?) -> String? {
    guard let connection, let reader = reader(of: connection) else { return nil }
    return "Read-only: \(Self.text(reader))"
  }

  static func text(_ reader: PageReader) -> String {
    "transaction \(reader.moment.transaction), \(ISOTime.text(reader.moment.time))"
  }
}
