import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// Commands against servers that do everything except what S3 does.
///
/// Each command ends in time, in bounded memory, and checks every answer. Most of the time is spent
/// waiting, so several tricks run at once, each with its own server.
@Suite(.serialized) struct HostileServerTests {
  /// Runs `body` for each trick, a few at a time, and returns the faults.
  private func failures(
    _ tricks: [HostileTrick], _ body: @escaping @Sendable (HostileTrick) throws -> [String]
  ) -> [String] {
    let next = Atomic(0)
    let found = Mutex<[String]>([])
    let group = DispatchGroup()
    for _ in 0..<8 {
      group.enter()
      Thread {
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard tricks.indices.contains(index) else { break }
          let trick = tricks[index]
          let wrong: [String]
          do { wrong = try body(trick) } catch { wrong = ["\(error)"] }
          found.withLock { $0 += wrong.map { "\(trick.testDescription): \($0)" } }
        }
        group.leave()
      }.start()
    }
    group.wait()
    return found.withLock { $0 }
  }

  @Test func readersEndAndBelieveNothing() {
    let wrong = failures(HostileTrick.gets + HostileTrick.lists) { try HostileRig().read(under: $0) }
    #expect(wrong == [])
  }

  @Test func writersAcknowledgeNothingThatIsNotStored() {
    let all = HostileTrick.gets + HostileTrick.lists + HostileTrick.puts + HostileTrick.lies
    let wrong = failures(all) { try HostileRig().write(under: $0) }
    #expect(wrong == [])
  }
}

/// A server, a folder, and the faults.
private final class HostileRig {
  private var wrong: [String] = []
  private let server: HostileServer
  private let folder: TestSupport.TemporaryFolder
  private let rows = 200

  init() throws {
    server = try HostileServer()
    folder = try TemporaryFolder()
  }

  private var environment: [String: String] {
    [
      "S3_HOSTNAME": "http://\(server.host)", "S3_BUCKET": "bucket", "S3_PREFIX": "p",
      "S3_ACCESS_KEY_ID": "key",
      "S3_SECRET_ACCESS_KEY": "secret", "S3_TRANSFER_TIMEOUT": "1", "S3_CONNECT_TIMEOUT": "1",
      "S3_FLUSH_TIMEOUT": "3", "HOME": folder.path, "SQLITE_HISTORY": folder.path("history"),
    ]
  }

  /// The end of a run.
  private struct End {
    var code: Int32 = -1
    var wasKilled = false
    var kilobytes = 0
    var output = ""
    var errors = ""
  }

  /// Runs the program, interrupts it after a while if asked to, and watches its memory.
  private func run(
    _ arguments: [String], _ script: String, interruptAfter: Double? = nil, seconds: Double = 60
  ) throws -> End {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: ShellHarness.program)
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    var variables = ProcessInfo.processInfo.environment
    for name in variables.keys where name.hasPrefix("S3_") || name.hasPrefix("AWS_") { variables[name] = nil }
    process.environment = variables.merging(environment) { $1 }
    for (name, text) in [("in", script), ("out", ""), ("err", "")] { try folder.write(text, to: name) }
    process.standardInput = try FileHandle(forReadingFrom: folder.url.appendingPathComponent("in"))
    process.standardOutput = try FileHandle(forWritingTo: folder.url.appendingPathComponent("out"))
    process.standardError = try FileHandle(forWritingTo: folder.url.appendingPathComponent("err"))
    try Signals.unblocked { try process.run() }
    var end = End()
    let begin = Date()
    var isInterrupted = false
    while process.isRunning {
      let status = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
      // Until the program is loaded, the memory is that of the test itself.
      if let status, status.hasPrefix("Name:\tsqlite3-cloud-"),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
      {
        end.kilobytes = max(end.kilobytes, Int(line.split(whereSeparator: \.isWhitespace)[1]) ?? 0)
      }
      let passed = Date().timeIntervalSince(begin)
      if let interruptAfter, passed > interruptAfter, !isInterrupted {
        isInterrupted = true
        kill(process.processIdentifier, SIGINT)
      }
      if passed > seconds || end.kilobytes > 1 << 20 {
        end.wasKilled = true
        kill(process.processIdentifier, SIGKILL)
      }
      usleep(10_000)
    }
    process.waitUntilExit()
    end.code = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    end.output = String(decoding: try folder.read("out"), as: UTF8.self)
    end.errors = String(decoding: try folder.read("err"), as: UTF8.self)
    return end
  }

  private func expect(_ isSo: Bool, _ text: @autoclosure () -> String) {
    if !isSo { wrong.append(text()) }
  }

  private func check(_ end: End, _ what: String) {
    expect(!end.wasKilled, "\(what) does not end, or takes \(end.kilobytes) KB: \(end.errors)")
    expect(end.code == 0 || end.code == 1, "\(what) ended with \(end.code): \(end.errors)")
    expect(end.kilobytes < 256 << 10, "\(what) took \(end.kilobytes) KB")
    for text in [end.output, end.errors] {
      let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 32 || "\t\n\r".unicodeScalars.contains($0) }
      expect(isPlain, "\(what) prints control characters: \(text)")
      expect(!text.contains("secret"), "\(what) tells the secret")
      expect(!text.contains("root:x:0:0"), "\(what) tells of /etc/passwd")
    }
  }

  /// Fills the server with a replica.
  private func fill() throws {
    let inserts = (1...rows).map { "INSERT INTO t VALUES(\($0), hex(randomblob(100)));\n" }.joined()
    let made = try ShellHarness.run(
      ShellHarness.program, ["-bail", "-mirror", "file://\(folder.path)/replica", "made.db"],
      input: Data(
        "CREATE TABLE t(a, b);\n.mirror sync\n\(inserts)".utf8),
      in: folder)
    guard made.code == 0 else { throw ServerError(description: "\(made)") }
    let root = folder.path("replica")
    for name in try FileManager.default.subpathsOfDirectory(atPath: root) where !name.contains("%") {
      if let bytes = FileManager.default.contents(atPath: root + "/" + name), !bytes.isEmpty {
        server.objects["p/" + name] = Array(bytes)
      }
    }
    try FileManager.default.removeItem(atPath: root)
  }

  private func count(_ database: String) throws -> String {
    try sqlite3("PRAGMA integrity_check; SELECT count(*) FROM t", folder.path(database))
  }

  func read(under trick: HostileTrick) throws -> [String] {
    try fill()
    server.play(trick.trick)
    let commands = [
      ".mirror list", ".mirror verify --from s3://bucket/p", ".mirror log --from s3://bucket/p",
      ".restore wal --from s3://bucket/p --output w.db", ".restore sql --from s3://bucket/p --output s.db",
    ]
    check(
      try run(["-mirror", "s3://bucket/p", ":memory:"], commands.joined(separator: "\n") + "\n"), "a reader")
    let follower = try run(
      ["-mirror", "off", ":memory:"], ".restore wal --from s3://bucket/p --follow --output f.db\n",
      interruptAfter: 2)
    check(follower, "a follower")
    for name in ["w.db", "s.db", "f.db"] where FileManager.default.fileExists(atPath: folder.path(name)) {
      let found = try count(name)
      expect(found == "ok\n\(rows)\n" || trick.hides, "\(name) is \(found)")
    }
    return wrong
  }

  func write(under trick: HostileTrick) throws -> [String] {
    let lies = HostileTrick.lies.contains { $0.testDescription == trick.testDescription }
    // The generation begins without tricks. The trick affects what comes then, and the next start.
    let begun = try run(["-bail", "-durability", "sync", "live.db"], "CREATE TABLE t(a);\n.mirror sync\n")
    guard begun.code == 0 else { return ["it does not begin: \(begun.errors)"] }
    let isHalf = trick.testDescription.hasPrefix("half")
    // The trick is a false answer to a put that is not done, or half done.
    let half: @Sendable (HostileServer.Request) -> [UInt8]? = {
      isHalf ? Array($0.body.prefix($0.body.count / 2)) : nil
    }
    if lies { server.play(trick.trick, keeping: half) } else { server.play(trick.trick) }
    let script = (1...20).map { "INSERT INTO t VALUES(\($0));\nSELECT 'stored \($0)';\n" }.joined()
    let end = try run(["-bail", "-durability", "sync", "live.db"], script)
    check(end, "a writer")
    server.play(nil)
    let stored = end.output.split(separator: "\n").count { $0.hasPrefix("stored ") }
    guard stored > 0 else { return wrong }
    let restored = try run(
      ["-bail", "-mirror", "off", ":memory:"], ".restore wal --from s3://bucket/p --output w.db\n")
    expect(restored.code == 0, "\(stored) were acknowledged, and: \(restored.errors)")
    let rows = try sqlite3("SELECT count(*) FROM t", folder.path("w.db"))
    expect((Int(rows.dropLast()) ?? -1) >= stored, "\(stored) were acknowledged, \(rows) are there")
    return wrong
  }
}
