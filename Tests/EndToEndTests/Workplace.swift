import Foundation
import TestSupport
import Testing

/// A folder with a database, `live.db`, and the place of its replica.
struct Workplace {
  let folder: TemporaryFolder
  let replica: Replica
  /// The home directory; separate from the folder, whose files tests count.
  let home: TemporaryFolder

  init(_ replica: Replica) throws {
    self.replica = replica
    folder = try TemporaryFolder()
    home = try TemporaryFolder()
  }

  init(_ kind: Replica.Kind) throws { try self.init(Replica(kind)) }

  var environment: [String: String] {
    // Like sqlite3, the shell looks for the history under its own name before it looks into the
    // home directory.
    replica.environment.merging(["HOME": home.path, "SQLITE_HISTORY": home.path("history")]) { $1 }
  }

  /// Runs a script with the mirror on.
  func shell(
    _ script: String, _ arguments: [String] = [], database: String = "live.db",
    environment extra: [String: String] = [:]
  ) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, replica.arguments + arguments + [database], input: Data(script.utf8), in: folder,
      environment: environment.merging(extra) { $1 })
  }

  /// Runs a script that must succeed, and returns what it printed.
  @discardableResult
  func succeed(
    _ script: String, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let result = try shell(script, ["-bail"] + arguments)
    #expect(result.code == 0, "\(result.errors)", sourceLocation: sourceLocation)
    return result.output
  }

  /// Starts the program with the mirror on.
  func start(_ arguments: [String] = [], script: String? = nil) throws -> RunningShell {
    try RunningShell(
      replica.arguments + arguments + ["live.db"], script: script, environment: environment, in: folder)
  }

  /// Restores into a file of another folder with the mirror off, so that nothing is written to the
  /// replica.
  func restore(_ source: String, _ options: String = "") throws -> Restored {
    let other = try TemporaryFolder()
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
      input: Data(".restore \(source) --from \(replica.url) --output restored.db \(options)\n".utf8),
      in: other, environment: environment)
    return Restored(folder: other, result: result)
  }

  /// Deletes the database and all files beside it.
  func loseDatabase() throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
    where name.hasPrefix("live.db") {
      try FileManager.default.removeItem(atPath: folder.path(name))
    }
  }

  /// Numbers of the generations of the replica.
  func generationCount(environment extra: [String: String] = [:]) throws -> Int {
    let list = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", ":memory:"],
      input: Data(".restore wal --from \(replica.url) --output none.db --dry-run\n".utf8),
      environment: environment.merging(extra) { $1 })
    // Generations are numbered from 1.
    let number = list.output.firstRange(of: " of generation ")
      .flatMap { Int(list.output[$0.upperBound...].prefix(8), radix: 16) }
    return try #require(number, "\(list)")
  }
}

/// The result of a restore.
struct Restored {
  let folder: TemporaryFolder
  let result: ShellHarness.Result

  /// Returns the installed sqlite3's answer for the restored database.
  func ask(_ sql: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    try #require(result.code == 0, "\(result.errors)", sourceLocation: sourceLocation)
    return try sqlite3(sql, folder.path("restored.db"))
  }
}

/// Returns the output of the installed sqlite3.
func sqlite3(_ sql: String, _ database: String) throws -> String {
  let result = try ShellHarness.run(Oracle.program, [database, sql])
  return result.output + result.errors
}
