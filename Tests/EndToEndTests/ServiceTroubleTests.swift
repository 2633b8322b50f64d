import Foundation
import Glibc
import TestSupport
import Testing

/// What goes wrong with one database of a service is one line, and disturbs no other.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct ServiceTroubleTests {
  private func rig(_ names: [String] = ["good.db"]) throws -> ServiceRig {
    let rig = try ServiceRig(.directory)
    for name in names {
      let path = rig.folder.path("dbs/" + name) as NSString
      try FileManager.default.createDirectory(
        atPath: path.deletingLastPathComponent, withIntermediateDirectories: true)
      _ = try sqlite3(
        "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1)", rig.folder.path("dbs/" + name))
    }
    return rig
  }

  @Test func filesThatAreNoDatabaseAreNamed() throws {
    let rig = try rig()
    try rig.folder.write(String(repeating: "no database ", count: 100), to: "dbs/text.db")
    try rig.folder.write("", to: "dbs/empty.db")
    try rig.start(sources: ["dbs", "missing.db"])
    try #require(rig.logs("good.db: mirrored to"), rig.log)
    #expect(
      rig.logs("error: \(rig.folder.path)/dbs/text.db: not mirrored: file is not a database\n"), rig.log)
    #expect(rig.logs("error: missing.db: there is no such file or folder\n"), rig.log)
    // They are served as soon as they are databases.
    for name in ["text.db", "empty.db"] {
      try? FileManager.default.removeItem(atPath: rig.folder.path("dbs/text.db"))
      _ = try sqlite3("CREATE TABLE t(x); INSERT INTO t VALUES(2)", rig.folder.path("dbs/" + name))
      #expect(rig.logs("\(name): mirrored to"), rig.log)
    }
    #expect(try rig.stop() == 0, rig.log)
    #expect(try rig.restored("empty.db", "SELECT x FROM t") == "2\n")
  }

  /// A user who may write to the folder must not get other databases mirrored.
  @Test func linksInFoldersArePassedOver() throws {
    let rig = try rig()
    let other = try TemporaryFolder()
    _ = try sqlite3("CREATE TABLE secret(x); INSERT INTO secret VALUES(1)", other.path("other.db"))
    func link(_ name: String, to target: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: rig.folder.path("dbs/" + name), withDestinationPath: other.path(target))
    }
    try link("before.db", to: "other.db")
    try link("below", to: "")
    try rig.start()
    try #require(rig.logs("good.db: mirrored to"), rig.log)
    try link("after.db", to: "other.db")
    _ = try sqlite3("CREATE TABLE t(x)", rig.folder.path("dbs/last.db"))
    try #require(rig.logs("last.db: mirrored to"), rig.log)
    #expect(try rig.stop() == 0, rig.log)
    #expect(rig.process?.errors.contains("other.db") == false, rig.log)
    #expect(try sqlite3("PRAGMA journal_mode", other.path("other.db")) == "delete\n")
  }

  @Test func oneReplicaIsNotSharedByTwoDatabases() throws {
    let rig = try rig(["one.db"])
    try FileManager.default.createDirectory(
      atPath: rig.folder.path("more"), withIntermediateDirectories: true)
    _ = try sqlite3("CREATE TABLE t(x)", rig.folder.path("more/one.db"))
    try FileManager.default.createSymbolicLink(
      atPath: rig.folder.path("dbs/same.db"), withDestinationPath: rig.folder.path("dbs/one.db"))
    try rig.start(sources: ["dbs", "more"])
    let path = rig.folder.path
    #expect(
      rig.logs(
        "error: \(path)/more/one.db: not mirrored: its replica one.db is that of \(path)/dbs/one.db\n"),
      rig.log)
    try #require(rig.logs("dbs/one.db: mirrored to"), rig.log)
    #expect(try rig.stop() == 0, rig.log)
  }

  @Test func databasesAndFoldersMayDisappear() throws {
    let rig = try rig(["good.db", "sub/gone.db", "removed.db"])
    try rig.start()
    try #require(rig.logs("mirrored to", count: 3), rig.log)
    try FileManager.default.removeItem(atPath: rig.folder.path("dbs/removed.db"))
    #expect(rig.logs("dbs/removed.db: removed"), rig.log)
    // The service may write a position record while the folder is being emptied.
    for _ in 0..<50 where FileManager.default.fileExists(atPath: rig.folder.path("dbs/sub")) {
      try? FileManager.default.removeItem(atPath: rig.folder.path("dbs/sub"))
      usleep(100_000)
    }
    #expect(rig.logs("dbs/sub/gone.db: removed"), rig.log)
    #expect(rig.logs("dbs/sub: the folder is gone"), rig.log)
    // Nothing keeps their files.
    let files = "/proc/\(rig.process?.processID ?? 0)/fd"
    func deleted() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: files).compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "\(files)/\($0)")
      }.filter { $0.hasSuffix("(deleted)") }
    }
    #expect(try rig.waits(seconds: 10) { try deleted().isEmpty })
    _ = try sqlite3("INSERT INTO t VALUES(2)", rig.folder.path("dbs/good.db"))
    // The folder itself goes, and comes back.
    try FileManager.default.moveItem(atPath: rig.folder.path("dbs"), toPath: rig.folder.path("away"))
    #expect(rig.logs("dbs: the folder is gone"), rig.log)
    try FileManager.default.moveItem(atPath: rig.folder.path("away"), toPath: rig.folder.path("dbs"))
    #expect(rig.logs("dbs: the folder is back"), rig.log)
    #expect(rig.logs("dbs/good.db: mirrored to", count: 2), rig.log)
    #expect(try rig.stop() == 0, rig.log)
    #expect(try rig.restored("good.db", "SELECT sum(x) FROM t") == "3\n")
  }

  /// The second service waits for the first one's end, and then takes over.
  @Test func aSecondServiceStandsBy() throws {
    let rig = try rig()
    let first = try rig.start()
    try #require(rig.logs("mirrored to"), rig.log)
    try rig.start()
    #expect(
      rig.logs(
        "warning: \(rig.folder.path)/dbs/good.db: process \(first.processID) mirrors it; this service waits\n"
      ), rig.log)
    first.kill()
    #expect(rig.logs("good.db: mirrored to"), rig.log)
    _ = try sqlite3("INSERT INTO t VALUES(2)", rig.folder.path("dbs/good.db"))
    #expect(try rig.stop(SIGINT) == 0, rig.log)
    #expect(try rig.restored("good.db", "SELECT sum(x) FROM t") == "3\n")
  }

  /// One database is locked by another program, and one belongs to another replica.
  @Test func aDatabaseThatCannotStartDisturbsNoOther() throws {
    let rig = try rig(["good.db", "locked.db", "foreign.db"])
    let other = try TemporaryFolder()
    _ = try sqlite3("CREATE TABLE other(x); INSERT INTO other VALUES(1)", other.path("foreign.db"))
    let made = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "\(rig.replica.url)/foreign.db", "foreign.db"],
      input: Data("SELECT 1;\n".utf8), in: other)
    try #require(made.code == 0, "\(made.errors)")
    let holder = try rig.startPython(
      """
      c = sqlite3.connect("locked.db", isolation_level=None)
      c.execute("PRAGMA locking_mode=EXCLUSIVE"); c.execute("BEGIN IMMEDIATE"); c.execute("INSERT INTO t VALUES(9)"); c.execute("COMMIT")
      open("../held", "w").close()
      time.sleep(60)
      """)
    defer { holder.terminate() }
    try #require(rig.has("held"))
    try rig.start()
    try #require(rig.logs("good.db: mirrored to"), rig.log)
    #expect(rig.logs("locked.db: not mirrored yet: database is locked\n"), rig.log)
    #expect(
      rig.logs("foreign.db: not mirrored: \(rig.replica.url)/foreign.db holds another database than"), rig.log
    )
    holder.terminate()
    #expect(rig.logs("locked.db: mirrored to", seconds: 60), rig.log)
    #expect(try rig.stop() == 1, rig.log)
    #expect(rig.logs("foreign.db: not stored: not mirrored: "), rig.log)
  }

  /// Databases beyond the limit of open files are named, and the others are mirrored.
  @Test func tooFewOpenFilesDisturbNoMirror() throws {
    let rig = try rig((0..<20).map { "d\($0).db" })
    let limited = try RunningShell(
      program: "/bin/sh",
      ["-c", "ulimit -n 150; exec \"$0\" \"$@\"", ShellHarness.program, "-serve"]
        + rig.replica.arguments + ["dbs"], environment: rig.environment, in: rig.folder)
    func count(_ text: String) -> Int { limited.errors.components(separatedBy: text).count - 1 }
    let end = Date().addingTimeInterval(30)
    while count("mirrored to") + count("raise the limit") < 20, Date() < end { usleep(20_000) }
    #expect(count("mirrored to") >= 10, "\(limited.errors)")
    #expect(count("not mirrored: only 150 open files are permitted (ulimit -n): raise the limit") >= 5)
    #expect(count("mirrored to") + count("raise the limit") == 20, "\(limited.errors)")
    Glibc.kill(limited.processID, SIGTERM)
    #expect(try limited.end() == 1)
    #expect(count("not stored: ") == count("error: \(rig.folder.path)") / 2, "\(limited.errors)")
  }

  @Test func whatIsNotStoredIsNamed() throws {
    let rig = try rig()
    let environment = [
      "S3_HOSTNAME": "http://127.0.0.1:1", "S3_ACCESS_KEY_ID": "a", "S3_SECRET_ACCESS_KEY": "b",
      "S3_FLUSH_TIMEOUT": "1",
    ]
    let process = try RunningShell(
      ["-serve", "-mirror", "s3://bucket/prefix", "-log", "json", "dbs"],
      environment: environment.merging(["HOME": rig.folder.path]) { $1 }, in: rig.folder)
    usleep(1_500_000)
    Glibc.kill(process.processID, SIGTERM)
    #expect(try process.end() == 1)
    let last = process.errors.split(separator: "\n").last.map(String.init) ?? ""
    #expect(last.hasPrefix("{\"time\":\""), "\(process.errors)")
    let place = "\"path\":\"\(rig.folder.path)/dbs/good.db\""
    #expect(last.contains("\"level\":\"error\",\"event\":\"not-stored\"," + place), "\(last)")
  }

  /// Temporary credentials expire; a program renews them in the profile.
  @Test func renewedCredentialsAreRead() throws {
    let server = try HostileServer()
    let rig = try rig()
    func write(_ key: String) throws {
      try rig.folder.write(
        "[default]\naws_access_key_id = \(key)\naws_secret_access_key = secret\n", to: "credentials")
    }
    try write("FIRST")
    let environment = [
      "HOME": rig.folder.path, "S3_HOSTNAME": "http://\(server.host)",
      "AWS_SHARED_CREDENTIALS_FILE": rig.folder.path("credentials"),
    ]
    let process = try RunningShell(
      ["-serve", "-mirror", "s3://bucket/prefix", "dbs"], environment: environment, in: rig.folder)
    func logs(_ text: String) -> Bool {
      let end = Date().addingTimeInterval(30)
      while Date() < end { if process.errors.contains(text) { return true }; usleep(20_000) }
      return false
    }
    try #require(logs("good.db: mirrored to"), "\(process.errors)")
    server.play(
      { request, answer in
        request.headers["authorization"]?.contains("SECOND") == true
          ? .answer(answer) : .answer(HostileServer.error("403 Forbidden", "ExpiredToken"))
      },
      keeping: { request in request.headers["authorization"]?.contains("SECOND") == true ? request.body : nil
      })
    _ = try sqlite3("INSERT INTO t VALUES(2)", rig.folder.path("dbs/good.db"))
    #expect(logs("trying again until it works"), "\(process.errors)")
    try write("SECOND")
    #expect(logs("the store answers again"), "\(process.errors)")
    Glibc.kill(process.processID, SIGTERM)
    #expect(try process.end() == 0, "\(process.errors)")
  }
}
