import Foundation
import Glibc
import TestSupport
import Testing

/// Other programs wait for a service, ask it, and give it orders.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct ServiceControlTests {
  private func rig(_ kind: Replica.Kind = .directory) throws -> ServiceRig {
    let rig = try ServiceRig(kind)
    _ = try sqlite3("PRAGMA journal_mode=WAL; CREATE TABLE t(x)", rig.folder.path("dbs/a.db"))
    return rig
  }

  private func run(_ rig: ServiceRig, _ arguments: [String], _ script: String = "") throws
    -> ShellHarness.Result
  {
    try ShellHarness.run(
      ShellHarness.program, arguments, input: Data(script.utf8), in: rig.folder, environment: rig.environment)
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func waitReturnsWhenEverythingIsStored(
    _ kind: Replica.Kind
  ) throws {
    let rig = try rig(kind)
    let process = try rig.start(environment: ["S3_SYNC_INTERVAL": "30"])
    try #require(rig.logs("mirrored to"), rig.log)
    for number in 1...5 {
      _ = try sqlite3("INSERT INTO t VALUES(\(number))", rig.folder.path("dbs/a.db"))
      let waited = try run(rig, ["-wait", "dbs/a.db"])
      #expect(waited.code == 0 && waited.errors.isEmpty, "\(waited)")
      #expect(try rig.restored("a.db", "SELECT max(x) FROM t") == "\(number)\n")
    }
    // The service hangs.
    Glibc.kill(process.processID, SIGSTOP)
    _ = try sqlite3("INSERT INTO t VALUES(6)", rig.folder.path("dbs/a.db"))
    let late = try run(rig, ["-wait", "dbs/a.db", "--timeout", "0.3"])
    #expect(late.code == 1)
    #expect(late.errors == "Error: wait for dbs/a.db: not everything is stored after 0.3 s\n")
    Glibc.kill(process.processID, SIGCONT)
    #expect(try run(rig, ["-wait", "dbs/a.db"]).code == 0)
    #expect(try rig.stop() == 0, rig.log)
  }

  @Test func waitNamesWhatIsWrong() throws {
    let rig = try rig()
    let cases = [
      (
        ["-wait", "dbs/a.db"],
        "Error: wait for dbs/a.db: no process mirrors it: start -serve, or open it in a shell with -mirror\n"
      ),
      (["-wait", "none.db"], "Error: wait for none.db: there is no such file\n"),
      (["-wait"], "Error: -wait needs a database\n"),
      (["-wait", "a.db", "--timeout", "soon"], "Error: --timeout takes a number of seconds\n"),
    ]
    for (arguments, message) in cases {
      let result = try run(rig, arguments)
      #expect(result.code == 1 && result.errors == message, "\(result)")
    }
  }

  /// The words are values of other options, or stand where they mean nothing.
  @Test func modesAreFirstArguments() throws {
    let rig = try rig()
    for word in ["-status", "-wait", "-serve"] {
      let result = try run(rig, ["-mirror", "off", "-nullvalue", word, ":memory:", "SELECT NULL"])
      #expect(result.code == 0 && result.output == "\(word)\n", "\(result)")
      let late = try run(rig, [":memory:", word])
      #expect(
        late.code == 1 && late.errors.hasSuffix("Error: \(word) must be the first argument\n"), "\(late)")
    }
    for (word, mode) in [("-timeout", "-wait"), ("-pattern", "-serve"), ("-log", "-serve")] {
      let result = try run(rig, [":memory:", word, "1", "SELECT 1"])
      #expect(
        result.code == 1 && result.errors.hasSuffix("Error: \(word) is an option of \(mode)\n"), "\(result)")
    }
  }

  /// A record of an earlier process names another replica, and does not count.
  @Test func waitTakesNoRecordOfAnEarlierProcess() throws {
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
    let result = try run(rig, ["-wait", "dbs/a.db", "--timeout", "1"])
    #expect(
      result.code == 1 && result.errors.contains("not everything is stored after 1 s"), "\(result)")
  }

  @Test func waitWorksWithAShell() throws {
    let rig = try rig()
    let shell = try RunningShell(
      ["-mirror", "\(rig.replica.url)/a.db", "dbs/a.db"], environment: rig.environment, in: rig.folder)
    try shell.type("SELECT 'open';\n")
    try #require(shell.expect("open"), "\(shell.errors)")
    _ = try sqlite3("INSERT INTO t VALUES(1)", rig.folder.path("dbs/a.db"))
    let waited = try run(rig, ["-wait", "dbs/a.db"])
    #expect(waited.code == 0, "\(waited)")
    #expect(try rig.restored("a.db", "SELECT x FROM t") == "1\n")
    let status = try run(rig, ["-status", "dbs/a.db"])
    #expect(status.output == "FOLDER/dbs/a.db: transaction 1 is in \(rig.replica.url)/a.db, nothing waits\n")
    #expect(try shell.end() == 0)
  }

  @Test func statusIsThatOfTheService() throws {
    let rig = try rig()
    try rig.folder.write(String(repeating: "no database ", count: 100), to: "dbs/text.db")
    let before = try run(rig, ["-status", "dbs/a.db"])
    #expect(before.code == 1 && before.output == "FOLDER/dbs/a.db: off: no process mirrors it\n", "\(before)")
    let process = try rig.start()
    try #require(rig.logs("mirrored to"), rig.log)
    try #require(rig.logs("not a database"), rig.log)
    let now = try run(rig, ["-status", "--json", "dbs/a.db"])
    #expect(now.code == 0, "\(now)")
    let line =
      "{\"database\":\"FOLDER/dbs/a.db\",\"process\":\(process.processID),\"state\":\"running\",\"replica\":"
    #expect(now.output.hasPrefix(line + "\"\(rig.replica.url)/a.db\""), "\(now)")
    let all = try run(rig, ["-status"])
    #expect(all.output.contains("FOLDER/dbs/a.db: transaction 0 is in"), "\(all)")
    #expect(all.output.contains("FOLDER/dbs/text.db: idle: not mirrored: file is not a database"), "\(all)")
    #expect(try rig.stop() == 0, rig.log)
  }

  @Test func aShellShowsAndOrdersTheService() throws {
    let rig = try rig()
    let process = try rig.start()
    try #require(rig.logs("mirrored to"), rig.log)
    _ = try sqlite3("INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)", rig.folder.path("dbs/a.db"))
    let script = """
      .mirror sync
      .mirror
      .mirror snapshot
      .mirror list
      .mirror prune --keep 1d
      .mirror verify
      """
    let result = try run(rig, ["-bail", "-mirror", "\(rig.replica.url)/a.db", "dbs/a.db"], script + "\n")
    #expect(result.code == 0, "\(result)")
    #expect(result.output.contains("mirrored: transaction 2\n"), "\(result)")
    #expect(result.output.contains("last error: process \(process.processID) mirrors it\n"), "\(result)")
    #expect(result.output.contains("deleted 0 objects"), "\(result)")
    #expect(result.output.contains("no fault found"), "\(result)")
    // The order made a base.
    let bases = try rig.replica.objects().keys.filter { $0.contains("/base/0000000000000002") }
    #expect(!bases.isEmpty, "\(result)")
    #expect(try rig.stop() == 0, rig.log)
  }

  /// The protocol of systemd, with a socket that stands in for it.
  @Test func systemdLearnsTheState() throws {
    let rig = try rig()
    let listener = try rig.startPython(
      """
      import socket
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      s.bind("../notify"); s.settimeout(20)
      with open("../messages", "w", buffering=1) as out:
          try:
              while True: out.write(s.recv(4096).decode().replace("\\n", "|") + "\\n")
          except TimeoutError: pass
      """)
    defer { listener.terminate() }
    try #require(rig.has("messages"))
    try rig.start(environment: ["NOTIFY_SOCKET": rig.folder.path("notify"), "WATCHDOG_USEC": "400000"])
    try #require(rig.logs("mirrored to"), rig.log)
    func messages() throws -> [String] {
      String(decoding: try rig.folder.read("messages"), as: UTF8.self).split(separator: "\n").map(String.init)
    }
    #expect(try rig.waits { try messages().filter { $0 == "WATCHDOG=1" }.count >= 5 })
    #expect(try rig.stop() == 0, rig.log)
    #expect(try rig.waits { try messages().last?.hasPrefix("STOPPING=1") == true })
    let seen = try messages()
    #expect(
      seen.filter { $0.hasPrefix("READY=1") } == ["READY=1|STATUS=1 of 1 databases mirrored"], "\(seen)")
    #expect(seen.first == "STATUS=0 of 1 databases mirrored", "\(seen)")
    #expect(seen.last == "STOPPING=1|STATUS=storing what is left", "\(seen)")
  }
}
