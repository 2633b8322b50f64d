import Foundation
import Glibc
import TestSupport
import Testing

/// The loadable extension, in programs of other languages.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct LoadableExtensionTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// A folder with a served database, and the extension.
  private func rig() throws -> ServiceRig {
    let rig = try ServiceRig(.directory)
    let built = try ShellHarness.run(
      "/usr/bin/cc",
      [
        "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", "sqlite3_cloud_s3.so",
        "\(Self.root)/Sources/LoadableExtension/sqlite3_cloud_s3.c",
      ],
      in: rig.folder, seconds: 60)
    try #require(built.code == 0, "\(built.errors)")
    _ = try sqlite3("PRAGMA journal_mode=WAL; CREATE TABLE t(x)", rig.folder.path("dbs/a.db"))
    return rig
  }

  private func ask(_ rig: ServiceRig, _ sql: String) throws -> ShellHarness.Result {
    try ShellHarness.run(
      Oracle.program, ["-cmd", ".load ./sqlite3_cloud_s3", "dbs/a.db", sql], in: rig.folder)
  }

  @Test func waitsForItsOwnCommit() throws {
    let rig = try rig()
    let process = try rig.start(environment: ["S3_SYNC_INTERVAL": "30"])
    try #require(rig.logs("mirrored to"), rig.log)
    for number in 1...3 {
      let result = try ask(rig, "INSERT INTO t VALUES(\(number)); SELECT mirror_wait(10), mirror_position();")
      #expect(result.output == "\(number)|\(number)\n", "\(result)")
      #expect(try rig.restored("a.db", "SELECT count(*) FROM t") == "\(number)\n")
    }
    let status = try ask(
      rig,
      "SELECT mirror_status() ->> '$.mirrored_transaction', mirror_status() ->> '$.lag_frames', mirror_status() ->> '$.process'"
    )
    #expect(status.output == "3|0|\(process.processID)\n", "\(status)")
    // The service hangs, and ends.
    Glibc.kill(process.processID, SIGSTOP)
    let late = try ask(rig, "INSERT INTO t VALUES(4); SELECT mirror_wait(0.2);")
    #expect(late.errors.contains("mirror: not everything is stored in time"), "\(late)")
    Glibc.kill(process.processID, SIGKILL)
    let end = Date().addingTimeInterval(10)
    var gone = try ask(rig, "SELECT mirror_wait(0.2)")
    while Date() < end, !gone.errors.contains("no process") { gone = try ask(rig, "SELECT mirror_wait(0.2)") }
    #expect(gone.errors.contains("mirror: no process mirrors the database"), "\(gone)")
    #expect(try ask(rig, "SELECT mirror_position(), mirror_status() ->> '$.mirrored'").output == "3|0\n")
  }

  @Test func databasesThatAreNotMirroredAreErrors() throws {
    let rig = try rig()
    #expect(try ask(rig, "SELECT mirror_wait(1)").errors.contains("mirror: no process mirrors the database"))
    #expect(
      try ask(rig, "SELECT mirror_position() IS NULL, mirror_status()").output == "1|{\"mirrored\":false}\n")
    let memory = try ShellHarness.run(
      Oracle.program, ["-cmd", ".load ./sqlite3_cloud_s3", ":memory:", "SELECT mirror_wait(1)"],
      in: rig.folder)
    #expect(memory.errors.contains("mirror: a database in memory is not mirrored"), "\(memory)")
  }

  /// A record of an earlier process names another replica, and does not count.
  @Test func takesNoRecordOfAnEarlierProcess() throws {
    let rig = try rig()
    try rig.start()
    try #require(rig.logs("mirrored to"), rig.log)
    #expect(try rig.stop() == 0, rig.log)
    let holder = try rig.startPython(
      """
      import fcntl
      f = open("a.db-s3pos", "r+"); fcntl.flock(f, fcntl.LOCK_EX)
      open("../held", "w").close()
      time.sleep(60)
      """)
    defer { holder.terminate() }
    try #require(rig.has("held"))
    let result = try ask(rig, "SELECT mirror_wait(0.5)")
    #expect(result.errors.contains("mirror: not everything is stored in time"), "\(result)")
  }

  /// Whether the system's Python was built with extensions of SQLite.
  private static let hasPython: Bool = {
    let probe = try? ShellHarness.run(
      "/usr/bin/env",
      ["/usr/bin/python3", "-c", "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"])
    return probe?.code == 0
  }()

  /// The example of the guide in Python: threads that commit and wait share uploads.
  @Test(.enabled(if: hasPython)) func pythonWaits() throws {
    let rig = try rig()
    try rig.start()
    try #require(rig.logs("mirrored to"), rig.log)
    let result = try ShellHarness.run(
      "/usr/bin/python3", ["\(Self.root)/Docs/Examples/wait.py", "dbs/a.db", "./sqlite3_cloud_s3.so"],
      in: rig.folder)
    #expect(result.code == 0 && result.output == "120 rows are stored\n", "\(result)")
    #expect(try rig.restored("a.db", "SELECT count(*) FROM t") == "120\n")
    let slices = try rig.replica.objects().keys.filter { $0.contains("/wal/") }.count
    #expect(slices < 110, "no commits shared an upload: \(slices)")
    #expect(try rig.stop() == 0, rig.log)
  }
}
