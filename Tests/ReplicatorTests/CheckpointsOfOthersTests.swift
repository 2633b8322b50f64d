import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import Restore
import SQLite
import TestSupport
import Testing

/// Tests checkpoints by other connections beside a mirror.
@Suite struct CheckpointsOfOthersTests {
  private func checkpoint(_ connection: Connection, _ mode: String) throws -> (isBusy: Bool, frames: Int64) {
    let row = try #require(connection.rows("PRAGMA wal_checkpoint(\(mode))").first)
    guard case .integer(let busy) = row[0], case .integer(let frames) = row[1] else { return (true, 0) }
    return (busy != 0, frames)
  }

  /// Checkpoints that finish the log hold SQLite's write lock while they wait for the guard.
  @Test(arguments: ["FULL", "RESTART", "TRUNCATE"])
  func passTheGuardAtAnyMoment(_ mode: String) throws {
    var random = Seeded()
    let about: Comment = "seed \(random.seed)"
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a, b); PRAGMA busy_timeout=5000")
    let other = try Connection(fixture.path)
    other.setBusyTimeout(milliseconds: 3000)
    var rows: Int64 = 0
    for _ in 0..<Seeded.rounds(40, 400) {
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        try other.execute("INSERT INTO t VALUES(1, randomblob(\(Int.random(in: 1...9000, using: &random))))")
        rows += 1
      }
      if Int.random(in: 0..<4, using: &random) == 0 {
        try fixture.run("INSERT INTO t VALUES(2, 'session')")
        rows += 1
      }
      if Int.random(in: 0..<8, using: &random) == 0 { try fixture.flush() }
      #expect(try !checkpoint(other, mode).isBusy, about)
    }
    #expect(try other.value("SELECT count(*) FROM t") == .integer(rows))
    other.close()
    try fixture.close()
    #expect(try fixture.bytes(fixture.restore(.wal)) == fixture.bytes(fixture.path), about)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1, about)
  }

  /// The installed sqlite3 waits for no lock unless it has a timeout.
  @Test func findNothingInTheirWayOnceTheDatabaseIsQuiet() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    let other = try Connection(fixture.path)
    for number in 0..<5 {
      try other.execute("INSERT INTO t VALUES(\(number))")
      try Poll.until { (try? checkpoint(other, "TRUNCATE").isBusy) == false }
      let log = try File(fixture.path + "-wal", .read)
      #expect(try log.size() == 0)
    }
    other.close()
    try fixture.close()
    #expect(try content(fixture.restore(.wal)).count == 6)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
  }

  @Test func ofTheSessionAnswerAsWithoutAMirror() throws {
    let fixture = try MirrorFixture()
    let connection = try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    try fixture.flush()
    for mode in ["TRUNCATE", "RESTART", "FULL", "TRUNCATE"] {
      try fixture.run("INSERT INTO t VALUES(1)")
      #expect(try !checkpoint(connection, mode).isBusy)
    }
    try fixture.close()
    #expect(try content(fixture.restore(.sql)).count == 5)
    #expect(try ReplicaCatalog(fixture.store).generations().count == 1)
  }
}
