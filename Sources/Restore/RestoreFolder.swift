import Dispatch
import Files
import ReplicaFormat

/// The work of a restore that is not finished: the database in the making, and objects that were fetched.
///
/// It lies beside the output as `OUTPUT.restoring` and outlives a network failure, an interruption and a crash, so
/// that the same restore goes on where it ended. Nothing in it is trusted: every part is checked against the replica's
/// checksums before it is used again. A restore of another base finds it useless and begins anew.
final class RestoreFolder {
  let folder: PrivateFolder
  var path: String { folder.path }
  private let output: String
  private let lock: File
  /// The database in the making.
  let database: File
  /// Where objects are kept.
  let spool: PrivateFolder
  private static let databaseName = "database"
  private static let secondName = "second"

  convenience init(for output: String, of plan: RestorePlan, from url: String) throws {
    try self.init(for: output, identity: Self.identity(plan, url))
  }

  private static func identity(_ plan: RestorePlan, _ url: String) -> String {
    "\(url)\n\(plan.generation)\n\(plan.manifest.transaction)\n"
  }

  private static func path(for output: String) -> String { output + ".restoring" }

  /// `identity` says what is restored; what an earlier run left of something else is removed.
  init(for output: String, identity text: String) throws {
    self.output = output
    folder = try PrivateFolder(Self.path(for: output))
    lock = try folder.file("lock", .create)
    guard try lock.tryLock() else {
      throw RestoreError(.busy, "restore \(output): another restore writes it: wait for it")
    }
    let identity = Array(text.utf8)
    if (try? folder.file("plan", .read).readAll()) != identity {
      for name in try folder.names() where name != "lock" { try folder.remove(name) }
      try folder.write(identity, to: "plan")
    }
    try Self.removeRest(folder)
    spool = try folder.folder("objects")
    database = try folder.file(Self.databaseName, .create)
  }

  /// Begins again with another plan; what was fetched and written stays, to be checked before it is used.
  func turn(to plan: RestorePlan, from url: String) throws {
    try Self.removeRest(folder)
    try folder.write(Array(Self.identity(plan, url).utf8), to: "plan")
  }

  /// Removes what an earlier build left beside the database and the objects.
  private static func removeRest(_ folder: PrivateFolder) throws {
    for name in try folder.names() where name.hasPrefix("\(databaseName)-") || name.hasPrefix(secondName) {
      try folder.remove(name)
    }
  }

  /// Bytes that it holds already.
  static func size(for output: String) -> Int {
    let path = path(for: output)
    let files = (try? Folder.filesRecursively(in: path)) ?? []
    return files.reduce(0) { $0 + ((try? FileInfo.of("\(path)/\($1)"))??.size ?? 0) }
  }

  /// A second database file, for comparison.
  func second() throws -> File { try folder.file(Self.secondName, .create) }

  /// Two more, for moments before the end.
  func probes() throws -> (wal: File, sql: File) {
    (try folder.file("\(Self.secondName).wal", .create), try folder.file("\(Self.secondName).sql", .create))
  }

  /// Gives the database in the making the owner of what it will replace.
  ///
  /// Throws if this user may not: before anything is fetched.
  func adoptOwner() throws {
    guard let old = try FileInfo.of(output) else { return }
    do throws(FilesError) {
      try database.adoptOwner(of: old)
    } catch {
      throw RestoreError(
        .database,
        "restore \(output): its owner (user \(old.owner), group \(old.group)) cannot be kept: run this as that "
          + "user or as root")
    }
  }

  /// Throws if the folder's name leads elsewhere now; SQLite goes by names.
  func requireInPlace() throws {
    guard folder.isInPlace else {
      throw RestoreError(.busy, "restore \(output): \(path) was moved away meanwhile: try again")
    }
  }

  /// Gives a finished database, which must be on the disk, the output's name.
  ///
  /// With `ifAbsent` only if nothing has that name; false then. Call `discard` afterwards.
  func place(_ file: File, ifAbsent: Bool) throws -> Bool {
    try requireInPlace()
    let name = file === database ? Self.databaseName : Self.secondName
    if ifAbsent {
      guard try folder.moveIfAbsent(name, to: output) else { return false }
    } else {
      try folder.move(name, to: output)
    }
    try Folder.sync(Folder.parent(of: output))
    return true
  }

  func discard() { Self.remove(folder) }

  /// Removes a folder into which a fetch that was stopped may put a last object.
  static func remove(_ folder: PrivateFolder) {
    for _ in 0..<100 {
      try? folder.removeContent()
      guard folder.isInPlace, (try? Folder.removeIfEmpty(folder.path)) == false else { return }
      _ = DispatchSemaphore(value: 0).wait(timeout: .now() + 0.02)
    }
  }
}
