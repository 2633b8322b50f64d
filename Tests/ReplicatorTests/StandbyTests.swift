import Files
import Replicator
import ObjectStore
import Restore
import SQLite
import TestSupport
import Testing

/// Tests a session that stands by because another one mirrors the database.
@Suite struct StandbyTests {
  private struct Other {
    let connection: Connection
    let mirror: ReplicationObserver

    init(_ fixture: MirrorFixture, _ durability: Durability, store: (any ObjectStore)? = nil) throws {
      connection = try Connection(fixture.path)
      connection.setBusyTimeout(milliseconds: 10_000)
      var settings = fixture.settings
      settings.durability = durability
      settings.flushTimeout = 2
      mirror = ReplicationObserver(store: store ?? fixture.store, settings: settings)
      try mirror.attach(to: connection)
    }

    func close() throws {
      try mirror.stop()
      connection.close()
    }
  }

  private func rows(_ path: String) throws -> Value? {
    let connection = try Connection(path)
    defer { connection.close() }
    return try connection.value("SELECT count(*) FROM t")
  }

  private func holder(_ store: any ObjectStore = MemoryStore()) throws -> MirrorFixture {
    let fixture = try MirrorFixture(store)
    try fixture.open()
    try fixture.run("CREATE TABLE t(a); INSERT INTO t VALUES('holder')")
    try fixture.flush()
    return fixture
  }

  /// The user types nothing, and only a plain connection writes.
  @Test func takesOverWhileItIsIdle() throws {
    let fixture = try holder()
    let other = try Other(fixture, .async)
    try fixture.close()
    let plain = try Connection(fixture.path)
    plain.setBusyTimeout(milliseconds: 10_000)
    for number in 0..<5 { try plain.execute("INSERT INTO t VALUES(\(number))") }
    plain.close()
    try Poll.until(seconds: 10) { (try? rows(fixture.restore(.wal))) == .integer(6) }
    #expect(other.mirror.takeNotices().contains { $0.contains("no longer mirrors; this process does") })
    #expect(other.mirror.status().phase == .running)
    try other.connection.execute("INSERT INTO t VALUES('mine')")
    try other.close()
    for source in [Restore.Source.wal, .sql] { #expect(try rows(fixture.restore(source)) == .integer(7)) }
  }

  /// The statement log does not hold the beginning of a transaction that began during the standby.
  @Test func takesOverInTheMiddleOfATransaction() throws {
    let fixture = try holder()
    let other = try Other(fixture, .async)
    try other.connection.execute("BEGIN; INSERT INTO t VALUES('before')")
    try fixture.close()
    try Poll.until(seconds: 10) { other.mirror.mayHaveNews }
    try other.connection.execute("INSERT INTO t VALUES('after'); COMMIT; INSERT INTO t VALUES('next')")
    try other.close()
    for source in [Restore.Source.wal, .sql] {
      #expect(try content(fixture.restore(source)) == content(fixture.path))
    }
  }

  @Test func flushesOnlyWhatTheHolderHasStored() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try holder(store)
    let other = try Other(fixture, .async)
    store.isDown = true
    try other.connection.execute("INSERT INTO t VALUES('standby')")
    #expect(throws: MirrorError.self) { try other.mirror.flush(seconds: 0.5) }
    // It also has the commits of the other process.
    try fixture.run("INSERT INTO t VALUES('holder again')")
    #expect(throws: MirrorError.self) { try other.mirror.flush(seconds: 0.5) }
    store.isDown = false
    try other.mirror.flush(seconds: 20)
    #expect(try rows(fixture.restore(.wal)) == .integer(3))
    try other.connection.execute("INSERT INTO t VALUES('last')")
    try other.close()
    #expect(try rows(fixture.restore(.wal)) == .integer(4))
    try fixture.close()
  }

  @Test func endsWithAnErrorWhileTheHolderCannotStore() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try holder(store)
    let other = try Other(fixture, .async)
    store.isDown = true
    try fixture.run("INSERT INTO t VALUES('holder again')")
    #expect(throws: MirrorError.self) { try other.mirror.stop() }
    store.isDown = false
    try fixture.close()
  }

  @Test(arguments: [Durability.async, .sync])
  func countsNothingThatAHolderStoresElsewhere(_ durability: Durability) throws {
    let fixture = try holder(MemoryStore(url: "memory://one"))
    let elsewhere = MemoryStore(url: "memory://two")
    let other = try Other(fixture, durability, store: elsewhere)
    try other.connection.execute("INSERT INTO t VALUES('standby')")
    if durability == .sync {
      let failures = other.mirror.takeFailures()
      #expect(failures.count == 1)
      #expect(failures.first?.contains("to memory://one, not to memory://two") == true, "\(failures)")
    } else {
      try Poll.until {
        other.mirror.mayHaveNews && other.mirror.takeNotices().contains { $0.contains("memory://two") }
      }
    }
    #expect(throws: MirrorError.self) { try other.mirror.flush(seconds: 1) }
    #expect(throws: MirrorError.self) { try other.mirror.stop() }
    other.connection.close()
    try fixture.close()
  }

  @Test func reportsThatTheHolderHasAnotherDurability() throws {
    let fixture = try holder()
    let other = try Other(fixture, .sync)
    var notices: [String] = []
    try Poll.until {
      notices += other.mirror.takeNotices()
      return notices.contains { $0.contains("mirrors with durability async: commits here still wait") }
    }
    try other.connection.execute("INSERT INTO t VALUES('waited for')")
    #expect(other.mirror.takeFailures() == [])
    #expect(try rows(fixture.restore(.wal)) == .integer(2))
    try other.close()
    try fixture.close()
  }
}
