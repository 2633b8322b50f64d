import Glibc

/// Work on folders and the names in them.
package enum Folder {
  /// The folder that holds `path`, as it would be written.
  package static func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a folder and those above it, where they do not exist.
  ///
  /// The corresponding C function is `mkdir`.
  package static func create(_ path: String) throws(FilesError) {
    if mkdir(path, 0o777) == 0 {
      try? sync(parent(of: path))
      return
    }
    let failure = Errno.current
    switch failure {
    case .exists:
      guard try FileInfo.of(path)?.isFolder == true else {
        throw FilesError(.notDirectory, verb: "create folder", object: path)
      }
    case .noEntry where parent(of: path) != path:
      try create(parent(of: path))
      guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
        throw FilesError(.current, verb: "create folder", object: path)
      }
      try? sync(parent(of: path))
    default:
      throw FilesError(failure, verb: "create folder", object: path)
    }
  }

  /// Names of what a folder holds, in byte order, without `.` and `..`.
  ///
  /// The corresponding C function is `readdir`.
  package static func names(in path: String) throws(FilesError) -> [String] {
    guard let folder = opendir(path) else { throw FilesError(.current, verb: "list", object: path) }
    defer { closedir(folder) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(folder) else { break }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw FilesError(.current, verb: "list", object: path) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Paths, relative to `path`, of all files in it and in the folders below, in byte order of the whole path.
  package static func filesRecursively(in path: String) throws(FilesError) -> [String] {
    var files: [String] = []
    var pending = [""]
    while let folder = pending.popLast() {
      let held: [String]
      do {
        held = try names(in: path + "/" + folder)
      } catch {
        guard error.errno == .noEntry && !folder.isEmpty else { throw error }
        continue
      }
      for name in held {
        let relative = folder + name
        guard let info = try FileInfo.of(path + "/" + relative) else { continue }
        if info.isFolder { pending.append(relative + "/") } else { files.append(relative) }
      }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file, or a folder with all it holds; removing what is not there succeeds.
  package static func remove(_ path: String) throws(FilesError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return }
      throw FilesError(.current, verb: "remove", object: path)
    }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    if isFolder {
      for name in try names(in: path) { try remove(path + "/" + name) }
    }
    guard (isFolder ? rmdir(path) : unlink(path)) == 0 || errno == ENOENT else {
      throw FilesError(.current, verb: "remove", object: path)
    }
  }

  /// Gives a file another name in the same file system, replacing what had it.
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

/// A new, empty folder of our own below `$TMPDIR` (else `/tmp`), removed with all it holds when the last reference goes.
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
