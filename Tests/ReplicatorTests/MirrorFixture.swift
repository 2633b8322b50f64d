import Dispatch
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import Restore
import SQLite
import TestSupport
import Testing

/// A database in a folder of its own, mirrored to a store.
final class MirrorFixture {
  let folder: Files.TemporaryFolder
  let path: String
  let store: any ObjectStore
  var settings = MirrorSettings()
  private(set) var connection: Connection?
  private(set) var mirror: ReplicationObserver?

  /// With `path` the database of another fixture.
  init(_ store: any ObjectStore = MemoryStore(), path: String? = nil) throws {
    folder = try Files.TemporaryFolder()
    self.path = path ?? folder.path + "/a.db"
    self.store = store
    settings.flushTimeout = 20
    settings.syncInterval = 0.02
  }

  /// Opens the database and begins to mirror it.
  @discardableResult
  func open() throws -> Connection {
    let connection = try Connection(path)
    let mirror = ReplicationObserver(store: store, settings: settings)
    try mirror.attach(to: connection)
    self.connection = connection
    self.mirror = mirror
    return connection
  }

  func run(_ sql: String) throws { try #require(connection).execute(sql) }

  func flush() throws { try #require(mirror).flush(seconds: settings.flushTimeout) }

  /// Ends the mirror with everything uploaded, and closes the database.
  func close() throws {
    try mirror?.stop()
    connection?.close()
    mirror = nil
    connection = nil
  }

  /// Ends as a crash does: nothing is flushed and the log stays.
  func abandon() {
    connection?.close()
    mirror = nil
    connection = nil
  }

  /// Restores into a new file and returns its name.
  func restore(_ source: Restore.Source, _ name: String = "restored.db", _ target: RestoreTarget = .init())
    throws -> String
  {
    var restore = Restore(ReplicaCatalog(store))
    restore.target = target
    let output = folder.path + "/" + name
    restore.force = true
    _ = try restore.run(source, to: output)
    return output
  }

  func bytes(_ path: String) throws -> [UInt8] { try File(path, .read).readAll() }
}

/// Every row of every table as text, for comparing content.
func content(_ path: String) throws -> [String] {
  let connection = try Connection(path, .readWrite)
  defer { connection.close() }
  var lines = try connection.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name").map { "\($0)" }
  for row in try connection.rows("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name") {
    guard case .text(let name) = row[0] else { continue }
    lines += try connection.rows("SELECT * FROM \"\(name)\"").map { "\(name): \($0)" }
  }
  return lines
}

/// Waits for something that other threads do.
enum Poll {
  struct TimedOut: Error {}

  static func until(seconds: Double = 20, _ isDone: () -> Bool) throws {
    let end = Clock.monotonicSeconds + seconds
    while !isDone() {
      guard Clock.monotonicSeconds < end else { throw TimedOut() }
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.01)
    }
  }
}
