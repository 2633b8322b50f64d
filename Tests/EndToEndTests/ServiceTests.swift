import Foundation
import Glibc
import TestSupport
import Testing

/// `-serve` mirrors what other programs write.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct ServiceTests {
  private static let make = """
    for name in sys.argv[1:]:
        c = sqlite3.connect(name)
        c.execute("PRAGMA journal_mode=WAL")
        c.execute("CREATE TABLE t(n INTEGER PRIMARY KEY, x)")
        c.commit()
        c.close()
    """
  private static let all = "SELECT count(*), max(n), sum(n) FROM t; PRAGMA integrity_check"

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func mirrorsWhatPythonWrites(
    _ kind: Replica.Kind
  ) throws {
    let rig = try ServiceRig(kind)
    try rig.python(Self.make, ["a.db", "b.sqlite"])
    try rig.start()
    try #require(rig.logs("mirrored to", count: 2), rig.log)
    try rig.python(
      """
      a, b = sqlite3.connect("a.db"), sqlite3.connect("b.sqlite")
      for i in range(1, 201):
          a.execute("INSERT INTO t VALUES(?, 'a')", (i,)); a.commit()
          if i % 10 == 0: b.execute("INSERT INTO t VALUES(?, 'b')", (i,)); b.commit()
      os.makedirs("below", exist_ok=True)
      c = sqlite3.connect("below/c.sqlite3")
      c.execute("CREATE TABLE t(n, x)"); c.execute("INSERT INTO t VALUES(1, 2)"); c.commit()
      """)
    try #require(rig.logs("below/c.sqlite3: mirrored to"), rig.log)
    #expect(try rig.stop() == 0, rig.log)
    #expect(try rig.restored("a.db", Self.all) == "200|200|20100\nok\n")
    #expect(try rig.restored("b.sqlite", Self.all) == "20|200|2100\nok\n")
    #expect(try rig.restored("below/c.sqlite3", Self.all) == "1|1|1\nok\n")
  }

  /// A writer runs without a pause, while the service is killed and started again.
  @Test(arguments: [Replica.Kind.directory, .seaweed]) func losesNothingWhenItIsKilled(
    _ kind: Replica.Kind
  ) throws {
    let rig = try ServiceRig(kind)
    try rig.python(Self.make, ["a.db"])
    try rig.start(environment: ["S3_SYNC_INTERVAL": "0.05"])
    try #require(rig.logs("mirrored to"), rig.log)
    let writer = try rig.startPython(
      """
      a = sqlite3.connect("a.db", timeout=30)
      for i in range(1, 2001):
          a.execute("INSERT INTO t VALUES(?, hex(randomblob(50)))", (i,)); a.commit()
          time.sleep(0.002)
      """)
    for _ in 0..<3 {
      usleep(700_000)
      rig.process?.kill()
      // Whatever was stored is the state after some commit.
      let stored = try rig.restored(
        "a.db", "SELECT count(*) = coalesce(max(n), 0) FROM t; PRAGMA integrity_check")
      #expect(stored == "1\nok\n", rig.log)
      try rig.start(environment: ["S3_SYNC_INTERVAL": "0.05"])
      try #require(rig.logs("mirrored to"), rig.log)
    }
    writer.waitUntilExit()
    #expect(writer.terminationStatus == 0)
    #expect(try rig.stop() == 0, rig.log)
    let query = "SELECT count(*), max(n), sum(length(x)) FROM t; SELECT x FROM t ORDER BY n"
    #expect(try rig.restored("a.db", query) == rig.answer("a.db", query))
  }

  @Test func restsWithoutThreadsAndTime() throws {
    let rig = try ServiceRig(.directory)
    let names = (0..<60).map { "d\($0).db" }
    try rig.python(Self.make, names)
    let process = try rig.start()
    try #require(rig.logs("mirrored to", count: 60), rig.log)
    func task(_ name: String) throws -> String {
      try String(contentsOfFile: "/proc/\(process.processID)/\(name)", encoding: .utf8)
    }
    func threads() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processID)/task").count
    }
    // Threads of the pools end after some seconds without work.
    #expect(try rig.waits { try threads() <= 6 })
    func ticks() throws -> Int {
      try task("stat").split(separator: " ")[13...14].compactMap { Int($0) }.reduce(0, +)
    }
    let before = (try ticks(), try rig.objects())
    sleep(4)
    #expect(try ticks() - before.0 <= 1)
    #expect(try rig.objects() == before.1)
    // A commit wakes its mirror, also a second one after quiet.
    for number in 1...2 {
      try rig.python(
        "c = sqlite3.connect('d7.db'); c.execute('INSERT INTO t VALUES(\(number), 1)'); c.commit()")
      #expect(
        try rig.waits(seconds: 10) { try rig.restored("d7.db", "SELECT count(*) FROM t") == "\(number)\n" },
        rig.log)
    }
    #expect(try rig.stop() == 0, rig.log)
  }
}

extension ServiceRig {
  /// The number of objects in all replicas.
  fileprivate func objects() throws -> Int {
    try FileManager.default.subpathsOfDirectory(atPath: replica.path("")).count
  }
}
