import Glibc

/// Operations on folders and the names in them.
package enum Folder {
  /// Returns the folder that holds `path`, in the same form.
  package static func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a folder and those above it, if they do not exist, for their owner only.
  ///
  /// New folders are synced when it returns.
  ///
  /// The corresponding C function is `mkdir`.
  package static func create(_ path: String) throws(FilesError) {
    if mkdir(path, 0o700) == 0 { return try settle(path) }
    let failure = Errno.current
    switch failure {
    case .exists:
      guard try FileInfo.of(path)?.isFolder == true else {
        throw FilesError(.notDirectory, verb: "create folder", object: path)
      }
    case .noEntry where parent(of: path) != path:
      try create(parent(of: path))
      if mkdir(path, 0o700) == 0 { return try settle(path) }
      guard errno == EEXIST else { throw FilesError(.current, verb: "create folder", object: path) }
    default:
      throw FilesError(failure, verb: "create folder", object: path)
    }
  }

  /// Syncs the name of a new folder, or removes the folder again.
  private static func settle(_ path: String) throws(FilesError) {
    do {
      try sync(parent(of: path))
    } catch {
      _ = rmdir(path)
      throw error
    }
  }

  /// Returns the names in a folder, in byte order, without `.` and `..`.
  package static func names(in path: String) throws(FilesError) -> [String] {
    try entries(in: path).map(\.name).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Paths, relative to `path`, of all files in it and in the folders below, in byte order of the
  /// whole path; links are not followed.
  package static func filesRecursively(in path: String) throws(FilesError) -> [String] {
    var files: [String] = []
    var pending = [""]
    while let folder = pending.popLast() {
      let held: [(name: String, isFolder: Bool?)]
      do {
        held = try entries(in: path + "/" + folder)
      } catch {
        // A folder below may disappear meanwhile.
        guard error.errno == .noEntry && !folder.isEmpty else { throw error }
        continue
      }
      for (name, known) in held {
        let relative = folder + name
        var isFolder = known
        if isFolder == nil {
          isFolder = try FileInfo.of(path + "/" + relative, followingLinks: false)?.isFolder
        }
        guard let isFolder else { continue }
        if isFolder { pending.append(relative + "/") } else { files.append(relative) }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Returns the names in a folder, unordered, and whether each is a folder if the system reports this
  /// at once.
  ///
  /// The corresponding C function is `readdir`.
  private static func entries(in path: String) throws(FilesError) -> [(name: String, isFolder: Bool?)] {
    try entries(of: opendir(path), path)
  }

  /// Returns the names in an open folder, unordered; its descriptor stays open.
  static func names(in descriptor: Int32, _ path: String) throws(FilesError) -> [String] {
    // A separate descriptor, because reading moves the position that a duplicate would share.
    let own = retrying { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard own >= 0 else { throw FilesError(.current, verb: "list", object: path) }
    guard let folder = fdopendir(own) else {
      close(own)
      throw FilesError(.current, verb: "list", object: path)
    }
    return try entries(of: folder, path).map(\.name)
  }

  /// Reads a folder to its end and closes it.
  private static func entries(
    of opened: OpaquePointer?, _ path: String
  ) throws(FilesError) -> [(name: String, isFolder: Bool?)] {
    guard let folder = opened else { throw FilesError(.current, verb: "list", object: path) }
    defer { closedir(folder) }
    var entries: [(name: String, isFolder: Bool?)] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else { break }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      switch Int(entry.pointee.d_type) {
      case Int(DT_DIR): entries.append((name, true))
      case Int(DT_REG): entries.append((name, false))
      default: entries.append((name, nil))
      }
    }
    guard errno == 0 else { throw FilesError(.current, verb: "list", object: path) }
    return entries
  }

  /// Removes a folder if it is empty; returns whether it did.
  ///
  /// The corresponding C function is `rmdir`.
  package static func removeIfEmpty(_ path: String) throws(FilesError) -> Bool {
    if rmdir(path) == 0 { return true }
    let failure = Errno.current
    if failure == .notEmpty || failure == .exists || failure == .noEntry { return false }
    throw FilesError(failure, verb: "remove", object: path)
  }

  /// Removes a file, or a folder with its content.
  ///
  /// It is no error if nothing is there.
  ///
  /// No link is followed, even if another process replaces a folder with a link meanwhile.
  package static func remove(_ path: String) throws(FilesError) {
    try removeEntry(path, in: AT_FDCWD, path)
  }

  /// Removes a name in an open folder.
  static func removeEntry(_ name: String, in parent: Int32, _ path: String) throws(FilesError) {
    var status = stat()
    guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw FilesError(.current, verb: "remove", object: path)
    }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    if isFolder { try removeContent(of: name, in: parent, path) }
    guard unlinkat(parent, name, isFolder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT else {
      throw FilesError(.current, verb: "remove", object: path)
    }
  }

  private static func removeContent(
    of name: String, in parent: Int32, _ path: String
  ) throws(FilesError) {
    let folder = retrying { openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard folder >= 0 else {
      if errno == ENOENT { return }
      throw FilesError(.current, verb: "remove", object: path)
    }
    defer { close(folder) }
    for held in try names(in: folder, path) { try removeEntry(held, in: folder, path + "/" + held) }
  }

  /// Renames a file in the same file system, and replaces an existing file.
  ///
  /// The corresponding C function is `rename`.
  package static func rename(_ path: String, to target: String) throws(FilesError) {
    guard Glibc.rename(path, target) == 0 else { throw FilesError(.current, verb: "rename", object: path) }
  }

  /// Waits until the names in a folder are on the device.
  ///
  /// The corresponding C function is `fsync`.
  package static func sync(_ path: String) throws(FilesError) {
    let descriptor = retrying { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw FilesError(.current, verb: "sync", object: path) }
    defer { close(descriptor) }
    guard retrying({ fsync(descriptor) }) == 0 || errno == EINVAL else {
      throw FilesError(.current, verb: "sync", object: path)
    }
  }
}

/// A new, empty folder below `$TMPDIR` (else `/tmp`), removed with its content when the last
/// reference goes.
package final class TemporaryFolder: Sendable {
  package let path: String

  package init(named name: String = "sqlite3-cloud-s3") throws(FilesError) {
    let root = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    var template = Array("\(root.isEmpty ? "/tmp" : root)/\(name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw FilesError(.current, verb: "create folder", object: root.isEmpty ? "/tmp" : root)
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? Folder.remove(path) }
}
