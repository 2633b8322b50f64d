import Dispatch
import Files
import Replicator
import ObjectStore
import Restore
import SQLite
import Synchronization
import TestSupport
import Testing
import WALFormat

/// Tests commits in `sync`, in a quick series, and of several connections at once.
@Suite struct SyncTests {
  private func rows(_ path: String) throws -> Value? {
    let connection = try Connection(path)
    defer { connection.close() }
    return try connection.value("SELECT count(*) FROM t")
  }

  @Test func hasEachOfManyCommitsInTheStore() throws {
    let store = FaultyStore(MemoryStore())
    let fixture = try MirrorFixture(store)
    fixture.settings.durability = .sync
    fixture.settings.checkpointFrames = 40
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    // An answer is lost, the next read is refused too, and one refusal follows in the middle.
    for number in 1...200 {
      if number % 50 == 20 { store.plan(.loseAnswer, for: .put, at: store.calls(.put) + 1) }
      if (101...108).contains(number) {
        store.plan(.loseAnswer, for: .put, at: store.calls(.put) + 1)
        store.plan(.refuse(.unreachable), for: .get, at: store.calls(.get) + 1)
      }
      if number % 50 == 40 { store.plan(.refuse(.unreachable), for: .put, at: store.calls(.put) + 1) }
      try fixture.run("INSERT INTO t VALUES(\(number))")
      #expect(fixture.mirror?.status().stored == UInt64(number) + 1)
      if number % 60 == 0 { #expect(try rows(fixture.restore(.wal)) == .integer(Int64(number))) }
    }
    #expect(fixture.mirror?.takeFailures() == [])
    try fixture.close()
    #expect(try rows(fixture.restore(.wal)) == .integer(200))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
  }

  /// A process is killed after it wrote a commit to the log, and before it updated the log's index.
  ///
  /// It leaves valid frames, which the next commit overwrites.
  @Test(arguments: [Durability.async, .sync])
  func takesNoCommitOfAProcessKilledBeforeItsEnd(_ durability: Durability) throws {
    let fixture = try MirrorFixture()
    fixture.settings.durability = durability
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for number in 1...3 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    try fixture.flush()
    let log = try File(fixture.path + "-wal", .readWrite)
    let bytes = try log.readAll()
    let header = try #require(WALHeader(Array(bytes[..<WALHeader.size])))
    var scanner = CommitScanner(header: header)
    let frames = Array(bytes[WALHeader.size...])
    let last = try #require(scanner.scan(frames, count: frames.count).commits.last)
    var dead = Array(frames.suffix(header.frameSize))
    var sums = last.end.checksum
    dead[dead.count - 1] ^= 1
    try #require(last.frames.last).write(at: 0, in: &dead, of: header, continuing: &sums)
    try log.write(dead, at: Int(header.offset(ofFrame: last.end.frame + 1)))
    // This is longer than commits of other processes may stay unseen.
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.6)
    #expect(fixture.mirror?.status().captured == 4)
    for number in 4...6 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    try fixture.flush()
    #expect(fixture.mirror?.status().stored == 7)
    #expect(try rows(fixture.restore(.wal)) == .integer(6))
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path))
  }

  /// Three connections stand by, each on its own thread, and a fourth mirrors for all.
  @Test(arguments: [Durability.async, .sync])
  func answersConnectionsThatStandByAtOnce(_ holder: Durability) throws {
    let fixture = try MirrorFixture()
    fixture.settings.durability = holder
    fixture.settings.syncInterval = 1
    try fixture.open().setBusyTimeout(milliseconds: 20_000)
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    let (path, store) = (fixture.path, fixture.store)
    var settings = fixture.settings
    settings.durability = .sync
    let failures = Mutex<[String]>([])
    let group = DispatchGroup()
    let start = Clock.monotonicSeconds
    for _ in 0..<3 {
      DispatchQueue.global().async(group: group) { [settings] in
        do {
          let connection = try Connection(path)
          connection.setBusyTimeout(milliseconds: 20_000)
          let mirror = ReplicationObserver(store: store, settings: settings)
          try mirror.attach(to: connection)
          for number in 0..<20 { try connection.execute("INSERT INTO t VALUES(\(number))") }
          failures.withLock { $0 += mirror.takeFailures() }
          try mirror.stop()
          connection.close()
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for number in 0..<20 { try fixture.run("INSERT INTO t VALUES(\(number))") }
    group.wait()
    // With one record a second, 20 commits would take 20 seconds.
    #expect(Clock.monotonicSeconds - start < 8)
    #expect(failures.withLock { $0 } == [])
    #expect(try rows(fixture.restore(.wal)) == .integer(80))
    try fixture.close()
  }

  /// While the session's own statement waits for SQLite's lock, commits of others are stored.
  @Test func takesCommitsOfOthersWhileTheSessionWaitsForALock() throws {
    let fixture = try MirrorFixture()
    try fixture.open().setBusyTimeout(milliseconds: 20_000)
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    let (path, store) = (fixture.path, fixture.store)
    let outcome = Mutex("")
    let (hasLock, group) = (DispatchSemaphore(value: 0), DispatchGroup())
    DispatchQueue.global().async(group: group) {
      do {
        let other = try Connection(path)
        other.setBusyTimeout(milliseconds: 20_000)
        try other.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES('by another')")
        hasLock.signal()
        // By then the session sleeps a tenth of a second at a time.
        _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.6)
        let before = try slices(store)
        try other.execute("COMMIT; BEGIN IMMEDIATE")
        defer { try? other.execute("COMMIT") }
        try Poll.until(seconds: 5) { (try? slices(store)) != before }
      } catch {
        outcome.withLock { $0 = "\(error)" }
      }
    }
    hasLock.wait()
    try fixture.run("INSERT INTO t VALUES('by the session')")
    group.wait()
    #expect(outcome.withLock { $0 } == "")
    try fixture.flush()
    #expect(try rows(fixture.restore(.wal)) == .integer(2))
    #expect(try content(fixture.restore(.sql)) == content(fixture.path))
    try fixture.close()
  }

  /// Turns only save time: a process that keeps its turn blocks others only briefly.
  @Test func writesAlthoughAnotherKeepsTheTurn() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    let keeper = try File(fixture.path + "-s3pos", .readWrite)
    #expect(keeper.tryTurn())
    var settings = fixture.settings
    settings.durability = .sync
    let other = try Connection(fixture.path)
    let standby = ReplicationObserver(store: fixture.store, settings: settings)
    try standby.attach(to: other)
    let start = Clock.monotonicSeconds
    for number in 0..<5 { try other.execute("INSERT INTO t VALUES(\(number))") }
    #expect(Clock.monotonicSeconds - start > 0.02)
    #expect(Clock.monotonicSeconds - start < 5)
    #expect(keeper.tryTurn(false))
    try other.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(5)")
    // The turn ends with each statement, even if the transaction continues.
    #expect(keeper.tryTurn())
    #expect(keeper.tryTurn(false))
    try other.execute("COMMIT")
    #expect(standby.takeFailures() == [])
    try standby.stop()
    other.close()
    try fixture.close()
    #expect(try rows(fixture.restore(.wal)) == .integer(6))
  }
}

/// Returns the number of slices in a store.
private func slices(_ store: any ObjectStore) throws -> Int {
  try store.list(prefix: "generations/", after: nil, limit: 1000).objects
    .count { $0.key.name.contains("/wal/") }
}
