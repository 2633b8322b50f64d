import Dispatch
import Files
import ReplicaFormat

/// The work of a restore that is not finished: the database in the making, and objects that were fetched.
///
/// It lies beside the output as `OUTPUT.restoring` and outlives a network failure, an interruption and a crash, so
/// that the same restore goes on where it ended. Nothing in it is trusted: every part is checked against the replica's
/// checksums before it is used again. A restore of another base finds it useless and begins anew.
final class RestoreFolder {
  let path: String
  private let output: String
  private let lock: File
  /// The database in the making.
  let database: File
  /// Where objects are kept.
  let spool: String

  convenience init(for output: String, of plan: RestorePlan, from url: String) throws {
    try self.init(for: output, identity: Self.identity(plan, url))
  }

  private static func identity(_ plan: RestorePlan, _ url: String) -> String {
    "\(url)\n\(plan.generation)\n\(plan.manifest.transaction)\n"
  }

  /// `identity` says what is restored; what an earlier run left of something else is removed.
  init(for output: String, identity text: String) throws {
    self.output = output
    path = output + ".restoring"
    spool = path + "/objects"
    try Folder.create(path)
    lock = try File(path + "/lock", .create)
    guard try lock.tryLock() else {
      throw RestoreError(.busy, "restore \(output): another restore of it is at work")
    }
    let identity = Array(text.utf8)
    let note = path + "/plan"
    if (try? File(note, .read).readAll()) != identity {
      for name in try Folder.names(in: path) where name != "lock" { try Folder.remove("\(path)/\(name)") }
      try AtomicFile.write(identity, to: note)
    }
    try Self.removeRest(path)
    try Folder.create(spool)
    database = try File(path + "/database", .create)
  }

  /// Begins again with another plan; what was fetched and written stays, to be checked before it is used.
  func turn(to plan: RestorePlan, from url: String) throws {
    try Self.removeRest(path)
    try AtomicFile.write(Array(Self.identity(plan, url).utf8), to: path + "/plan")
  }

  /// Removes what an earlier build left beside the database and the objects.
  private static func removeRest(_ path: String) throws {
    for name in try Folder.names(in: path) where name.hasPrefix("database-") || name.hasPrefix("second") {
      try Folder.remove("\(path)/\(name)")
    }
  }

  /// Bytes that it holds already.
  static func size(for output: String) -> Int {
    let path = output + ".restoring"
    let files = (try? Folder.filesRecursively(in: path)) ?? []
    return files.reduce(0) { $0 + ((try? FileInfo.of("\(path)/\($1)"))??.size ?? 0) }
  }

  /// A second database file, for comparison.
  func second() throws -> File { try File(path + "/second", .create) }

  /// Gives a finished database the output's name, and removes everything else.
  func commit(_ file: File) throws {
    try file.sync()
    try Folder.rename(file.path, to: output)
    try Folder.sync(Folder.parent(of: output))
    discard()
  }

  func discard() { Self.remove(path) }

  /// Removes a folder into which a fetch that was stopped may put a last object.
  static func remove(_ path: String) {
    for _ in 0..<100 {
      try? Folder.remove(path)
      guard FileInfo.exists(path) else { return }
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.02)
    }
  }
}
