import Foundation
import TestSupport
import Testing

/// A replica in Litestream's form, in a directory or in S3, with the program that reads and writes
/// it.
struct LitestreamRig {
  let folder: TemporaryFolder
  private let replica: Replica

  init(_ kind: Replica.Kind) throws {
    folder = try TemporaryFolder()
    replica = try Replica(kind)
  }

  /// The place, without `litestream:` and with it.
  var place: String { replica.url }
  var url: String { "litestream:\(place)" }
  /// The directory it is in.
  var directory: String { String(place.dropFirst("file://".count)) }

  /// The same place in Litestream's form.
  var litestreamURL: String {
    guard let host = replica.environment["S3_HOSTNAME"] else { return place }
    return "\(place)?endpoint=\(host)&region=us-east-1&forcePathStyle=true"
  }

  @discardableResult
  func litestream(_ arguments: [String]) throws -> String {
    let result = try ShellHarness.run(
      Servers.program("litestream"), arguments, in: folder,
      environment: [
        "LITESTREAM_ACCESS_KEY_ID": replica.environment["S3_ACCESS_KEY_ID"] ?? "",
        "LITESTREAM_SECRET_ACCESS_KEY": replica.environment["S3_SECRET_ACCESS_KEY"] ?? "",
      ])
    #expect(result.code == 0, "litestream \(arguments): \(result)")
    return result.output
  }

  /// Returns Litestream's number of the last transaction, from its own list.
  func lastTransaction() throws -> UInt64 {
    let list = try litestream(["ltx", "-level", "all", litestreamURL])
    let numbers = list.split(separator: "\n").dropFirst().compactMap { line in
      line.split(separator: " ").dropFirst(2).first.flatMap { UInt64($0, radix: 16) }
    }
    return try #require(numbers.max(), "\(list)")
  }

  /// A restored database.
  struct Result {
    let folder: TemporaryFolder
    let name: String
    var bytes: Data { get throws { try folder.read(name) } }
    var dump: String { get throws { try sqlite3(".dump", folder.path(name)) } }
  }

  /// Returns the database that Litestream restores.
  func litestreamRestored(_ options: [String] = []) throws -> Result {
    let other = try TemporaryFolder()
    try litestream(["restore", "-o", other.path("theirs.db")] + options + [litestreamURL])
    return Result(folder: other, name: "theirs.db")
  }

  /// Returns the database that this program restores.
  func restored(_ options: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws -> Result {
    let (other, result) = try tryRestore(options)
    try #require(result.code == 0, "\(result)", sourceLocation: sourceLocation)
    return Result(folder: other, name: "ours.db")
  }

  func tryRestore(_ options: String = "") throws -> (folder: TemporaryFolder, result: ShellHarness.Result) {
    let other = try TemporaryFolder()
    return (other, try shell(".restore wal --from \(url) --output ours.db \(options)\n", in: other))
  }

  /// Runs our program without a mirror.
  func shell(_ script: String, in other: TemporaryFolder? = nil) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"], input: Data(script.utf8),
      in: other ?? folder, environment: replica.environment)
  }

  /// Runs a script on a mirrored database and exports it to the rig's place; returns what the
  /// export said.
  @discardableResult
  func export(_ work: Workplace, _ script: String, _ options: String = "") throws -> String {
    // The mirror is a directory, so S3's settings are free for the place of the export.
    let result = try work.shell(
      "\(script)\n.mirror export litestream \(place) \(options)\n", ["-bail"],
      environment: replica.environment)
    #expect(result.code == 0, "\(result)")
    return result.output
  }
}
