import Files
import ReplicaFormat

/// The unfinished work of a restore: the new database, and fetched objects.
///
/// It is the folder `OUTPUT.restoring` beside the output. It outlives network failures,
/// interruptions and crashes, so the same restore continues from it. Nothing in it is trusted:
/// every part is checked against the replica's checksums before it is used again. A restore of
/// another base removes its content.
final class RestoreFolder {
  let folder: PrivateFolder
  var path: String { folder.path }
  private let output: String
  private let lock: File
  /// The new database.
  let database: File
  /// The folder of objects.
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

  /// Opens the folder; `identity` identifies the restore, and files of another restore are removed.
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

  /// Begins again with another plan.
  ///
  /// Fetched and written files stay, and are checked before they are used.
  func turn(to plan: RestorePlan, from url: String) throws {
    try Self.removeRest(folder)
    try folder.write(Array(Self.identity(plan, url).utf8), to: "plan")
  }

  /// Removes files of an earlier build beside the database and the objects.
  private static func removeRest(_ folder: PrivateFolder) throws {
    for name in try folder.names() where name.hasPrefix("\(databaseName)-") || name.hasPrefix(secondName) {
      try folder.remove(name)
    }
  }

  /// Returns the number of bytes that it holds already.
  static func size(for output: String) -> Int {
    let path = path(for: output)
    let files = (try? Folder.filesRecursively(in: path)) ?? []
    return files.reduce(0) { $0 + ((try? FileInfo.of("\(path)/\($1)"))??.size ?? 0) }
  }

  /// Returns a second database file, for comparison.
  func second() throws -> File { try folder.file(Self.secondName, .create) }

  /// Returns two more files, for earlier transactions.
  func probes() throws -> (wal: File, sql: File) {
    (try folder.file("\(Self.secondName).wal", .create), try folder.file("\(Self.secondName).sql", .create))
  }

  /// Gives the new database the owner of the one that it will replace.
  ///
  /// Throws before anything is fetched if this user may not do that.
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

  /// Throws if the folder's name leads elsewhere now, because SQLite opens files by name.
  func requireInPlace() throws {
    guard folder.isInPlace else {
      throw RestoreError(.busy, "restore \(output): \(path) was moved away meanwhile: try again")
    }
  }

  /// Renames a finished and synced database to the output's name.
  ///
  /// With `ifAbsent`, returns false if something has that name. Call `discard` afterwards.
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

  /// Removes a folder into which a stopped fetch may still put a last object.
  static func remove(_ folder: PrivateFolder) {
    for _ in 0..<100 {
      try? folder.removeContent()
      guard folder.isInPlace, (try? Folder.removeIfEmpty(folder.path)) == false else { return }
      Clock.sleep(seconds: 0.02)
    }
  }
}
