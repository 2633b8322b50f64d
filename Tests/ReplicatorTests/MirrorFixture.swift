import Dispatch
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
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

  /// With `path`, uses the database of another fixture.
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

  /// Ends the mirror with everything stored, and closes the database.
  func close() throws {
    try mirror?.stop()
    connection?.close()
    mirror = nil
    connection = nil
  }

  /// Ends as after a crash: nothing is flushed, and the log stays.
  func abandon() {
    connection?.close()
    mirror = nil
    connection = nil
  }

  /// Restores into a new file, and returns its name.
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

/// Returns every row of every table as text, to compare content.
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

/// Waits until other threads have done something.
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

extension ReplicaCatalog {
  /// Returns the generations of the chain, the oldest first.
  func generations() throws -> [GenerationID] {
    var history = try ReplicaHistory(self)
    return try history.all().map(\.id)
  }

  /// Returns the content of the chain's newest generation.
  func newest() throws -> GenerationContents { try contents(of: #require(generations().last), .everything) }
}

extension GenerationContents {
  /// Every object with transactions in order, even if the chain does not need it.
  var slices: [ChainObject] {
    let slots = entries.compactMap { place, entry -> ChainObject? in
      guard case .slice(let header, _) = entry else { return nil }
      return ChainObject(
        key: place.key, transactions: header.transactions.lowerBound...header.entry.lastTransaction,
        part: header.part, isLast: header.isLastPart, id: header.entry.id, size: self.slots[place] ?? 0)
    }
    let merged = merged.map { name, size in
      ChainObject(
        key: name.key(in: generation), transactions: name.transactions, isMerged: true, id: name.id,
        size: size)
    }
    return (slots + merged).sorted {
      ($0.transactions.lowerBound, $0.part, $0.transactions.upperBound)
        < ($1.transactions.lowerBound, $1.part, $1.transactions.upperBound)
    }
  }

  /// Returns the chain after the base at a transaction.
  func chain(after transaction: UInt64) throws -> Chain {
    chain(after: try #require(bases.first { $0.transaction == transaction }))
  }

  /// Returns the slice that holds only this transaction.
  func slice(_ transaction: UInt64) throws -> ChainObject {
    try #require(slices.first { $0.transactions == transaction...transaction })
  }

  /// Returns the key of the batch that holds only this transaction.
  func batch(_ transaction: UInt64) throws -> String {
    try #require(batches.keys.first { $0.transactions == transaction...transaction }).key(in: generation)
  }
}
