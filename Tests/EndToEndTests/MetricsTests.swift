import Foundation
import TestSupport
import Testing

/// The file for Prometheus's node_exporter.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct MetricsTests {
  /// Samples by name and labels; anything that is not in the text format is an issue.
  private func parse(_ text: String) throws -> [String: Double] {
    let name = "sqlite3_cloud_s3_[a-z_0-9]+"
    let label = #"[a-z_]+="([^"\\\n]|\\["\\n])*""#
    let sample = try Regex("(\(name))\\{(\(label)(,\(label))*)\\} ([0-9.]+)")
    let comment = try Regex("# (HELP \(name) .+|TYPE \(name) (gauge|counter))")
    var samples: [String: Double] = [:]
    var typed: Set<String> = []
    #expect(text.hasSuffix("\n"))
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# ") {
        #expect(line.wholeMatch(of: comment) != nil, "\(line)")
        let words = line.split(separator: " ")
        if words[1] == "TYPE" { #expect(typed.insert(String(words[2])).inserted, "twice: \(line)") }
        continue
      }
      let match = try #require(line.wholeMatch(of: sample), "\(line)")
      let family = String(try #require(match[1].substring))
      #expect(typed.contains(family), "before its type: \(line)")
      let labels = String(try #require(match[2].substring)).replacing(
        try Regex(#"database="[^"]*",?"#), with: "")
      let key: String = family.dropFirst("sqlite3_cloud_s3_".count) + (labels.isEmpty ? "" : "{\(labels)}")
      #expect(samples.updateValue(Double(String(try #require(match[6].substring))) ?? -1, forKey: key) == nil)
    }
    return samples
  }

  private func read(_ work: Workplace) throws -> [String: Double] {
    try parse(String(decoding: try work.folder.read("m.prom"), as: UTF8.self))
  }

  @Test(arguments: Replica.Kind.allCases) func reportsHowASessionEnded(_ kind: Replica.Kind) throws {
    let work = try Workplace(kind)
    let before = Date().timeIntervalSince1970
    let result = try work.shell(
      "CREATE TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2);\n", ["-metrics", "m.prom"])
    #expect(result.code == 0, "\(result)")
    let samples = try read(work)
    #expect(samples["committed_transaction"] == 3)
    #expect(samples["mirrored_transaction"] == 3)
    for name in ["lag_transactions", "lag_bytes", "lag_seconds", "has_error"] { #expect(samples[name] == 0) }
    #expect(samples["base_uploaded"] == 1)
    #expect(samples["generation"] == 1)
    #expect(samples["phase{phase=\"off\"}"] == 1)
    #expect(samples["phase{phase=\"running\"}"] == 0)
    #expect(samples["requests_total{verb=\"put\"}"] ?? 0 >= 3)
    #expect(samples["errors_total{verb=\"put\"}"] == 0)
    #expect(samples["sent_bytes_total"] ?? 0 > 100)
    #expect(samples["last_success_timestamp_seconds"] ?? 0 >= before - 1)
    #expect(samples.keys.contains { $0.hasPrefix("info{replica=\"\(work.replica.url)\"") })
    // No half-written file is left.
    #expect(try work.folder.contents().keys.filter { $0.contains("%") } == [])
  }

  /// Waits until the file has it.
  private func wait(_ work: Workplace, until isReached: ([String: Double]) -> Bool) throws -> [String: Double]
  {
    let end = Date().addingTimeInterval(90)
    var samples: [String: Double] = [:]
    while Date() < end, !isReached(samples) {
      usleep(50_000)
      if FileManager.default.fileExists(atPath: work.folder.path("m.prom")) { samples = try read(work) }
    }
    return samples
  }

  @Test func isKeptUpToDateWhileTheStoreIsAway() throws {
    let work = try Workplace(.directory)
    let server = try RestartableServer(bucket: "metrics")
    let shell = try RunningShell(
      ["-metrics", "m.prom", "-mirror", "s3://metrics/p", "live.db"],
      environment: work.environment.merging([
        "S3_HOSTNAME": "http://\(server.host)", "S3_ACCESS_KEY_ID": RcloneServer.accessKey,
        "S3_SECRET_ACCESS_KEY": RcloneServer.secretKey, "S3_FLUSH_TIMEOUT": "0",
      ]) { $1 }, in: work.folder)
    try shell.type("CREATE TABLE t(a);\n")
    let before = try wait(work) { $0["mirrored_transaction"] == 1 }
    #expect(before["phase{phase=\"running\"}"] == 1 && before["lag_seconds"] == 0, "\(before)")
    try server.stop()
    try shell.type("INSERT INTO t VALUES(1);\n")
    let after = try wait(work) { $0["lag_seconds"] ?? 0 > 0 && $0["has_error"] == 1 }
    #expect(after["lag_transactions"] == 1, "\(after)")
    #expect(after["lag_bytes"] ?? 0 > 0)
    #expect(after.contains { $0.key.hasPrefix("errors_total") && $0.value > 0 })
    #expect(after["last_success_timestamp_seconds"] ?? 0 > 0)
  }

  /// An unknown value is not written as zero.
  @Test func reportsNoLagBeforeTheReplicaIsFound() throws {
    let work = try Workplace(.directory)
    let shell = try RunningShell(
      ["-metrics", "m.prom", "-mirror", "s3://bucket/p", "live.db"],
      environment: work.environment.merging([
        "S3_HOSTNAME": "http://127.0.0.1:\(Ports.closed())", "S3_ACCESS_KEY_ID": "k",
        "S3_SECRET_ACCESS_KEY": "s", "S3_FLUSH_TIMEOUT": "0",
      ]) { $1 }, in: work.folder)
    try shell.type("CREATE TABLE t(a);\n")
    let samples = try wait(work) { $0["has_error"] == 1 }
    #expect(samples["phase{phase=\"starting\"}"] == 1, "\(samples)")
    #expect(samples["lag_seconds"] == nil && samples["last_success_timestamp_seconds"] == nil)
  }

  @Test func reportsThatItCannotBeWritten() throws {
    let work = try Workplace(.directory)
    let result = try work.shell(
      "CREATE TABLE t(a);\n", environment: ["S3_METRICS_FILE": "/no/such/folder/m.prom"])
    #expect(result.code == 1)
    #expect(result.errors.contains("metrics: "), "\(result)")
    // The mirror works nevertheless.
    #expect(try work.restore("wal").ask("SELECT count(*) FROM t") == "0\n")
  }

  @Test func namesDatabasesOfAnySpelling() throws {
    let work = try Workplace(.directory)
    let result = try work.shell(
      "CREATE TABLE t(a);\n", ["-metrics", "m.prom"], database: "a \"b\\c\n.db")
    #expect(result.code == 0, "\(result)")
    let text = String(decoding: try work.folder.read("m.prom"), as: UTF8.self)
    #expect(text.contains(#"/a \"b\\c\n.db""#), "\(text)")
    _ = try? #require(
      text.split(separator: "\n").allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("sqlite3_") })
  }
}
