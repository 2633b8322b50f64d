import Glibc

/// Opens and makes files beside other files; other users can predict the names of these files.
extension File {
  /// Opens or makes a file that belongs to a database, such as its position record.
  ///
  /// It is never opened through a link, and throws if it belongs to a user without write access to the
  /// database. A new one is for its owner only, or with `sharing` for all readers of the database.
  /// As root, it belongs to the database's owner, like SQLite's own files.
  package convenience init(
    side path: String, of database: String, sharing: Bool = false
  ) throws(FilesError) {
    let model = try FileInfo.of(database)
    let permissions = sharing ? (model?.permissions ?? 0o600) & 0o666 : 0o600
    let descriptor = try Self.openSide(path, model, permissions)
    self.init(path, descriptor: descriptor)
    try checkSide(info(), model)
  }

  private static func openSide(
    _ path: String, _ model: FileInfo?, _ permissions: UInt32
  ) throws(FilesError) -> Int32 {
    let flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    while true {
      let new = retrying { open(path, flags | O_CREAT | O_EXCL, mode_t(permissions)) }
      if new >= 0 {
        if let model, geteuid() == 0, model.owner != 0 || model.group != getegid() {
          _ = fchown(new, model.owner, model.group)
        }
        // The process's mask must not reduce the permissions below those of the database.
        _ = fchmod(new, mode_t(permissions))
        return new
      }
      guard errno == EEXIST else { throw FilesError(.current, verb: "create", object: path) }
      let old = retrying { open(path, flags) }
      if old >= 0 { return old }
      let failure = Errno.current
      // Another process removed it meanwhile.
      if failure == .noEntry { continue }
      throw FilesError(
        failure, verb: "open", object: path,
        cause: failure == .loop ? "it is a symbolic link: remove it" : nil)
    }
  }

  private func checkSide(_ info: FileInfo, _ model: FileInfo?) throws(FilesError) {
    let wrong: String? =
      if !info.isRegular {
        "it is not a file: remove it"
      } else if info.linkCount > 1 {
        "it has another name (a hard link): remove it"
      } else if info.owner != geteuid(), info.owner != 0, info.owner != model?.owner {
        "it belongs to another user: remove it"
      } else {
        nil
      }
    if let wrong { throw FilesError(.notPermitted, verb: "open", object: path, cause: wrong) }
    // Earlier versions allowed more readers than the database.
    if let model, info.permissions & 0o077 & ~model.permissions != 0 {
      _ = fchmod(descriptor, mode_t(info.permissions & (0o700 | model.permissions)))
    }
  }

  /// Makes a temporary file without a name, in a folder.
  package convenience init(unnamedIn folder: String) throws(FilesError) {
    while true {
      let path = "\(folder)/%tmp-\(getpid())-\(String(UInt64.random(in: 0 ... .max), radix: 16))"
      do throws(FilesError) {
        try self.init(path, .createNew)
        _ = unlink(path)
        return
      } catch {
        guard error.errno == .exists else { throw error }
      }
    }
  }

  /// Gives the file another file's owner and group.
  ///
  /// Throws if only root could. The corresponding C function is `fchown`.
  package func adoptOwner(of other: FileInfo) throws(FilesError) {
    let own = try info()
    guard own.owner != other.owner || own.group != other.group else { return }
    guard fchown(descriptor, other.owner, other.group) == 0 else {
      throw FilesError(.current, verb: "set the owner of", object: path)
    }
  }

  /// Gives the file another file's owner, group and permissions.
  ///
  /// Throws if only root could. The corresponding C functions are `fchown` and `fchmod`.
  package func adopt(_ other: FileInfo) throws(FilesError) {
    try adoptOwner(of: other)
    guard fchmod(descriptor, mode_t(other.permissions)) == 0 else {
      throw FilesError(.current, verb: "set the permissions of", object: path)
    }
  }

  /// Takes the locks on this file with which SQLite excludes all others; false if a process has one
  /// of them.
  ///
  /// Closing the file releases them (https://www.sqlite.org/lockingv3.html).
  package func tryExcludeSQLite() -> Bool {
    var range = flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    // The pending byte, the reserved byte and the shared range.
    range.l_start = 0x4000_0000
    range.l_len = 512
    return retrying { fcntl(descriptor, Self.setLockOfOpenFile, &range) } == 0
  }
}

extension Folder {
  /// Returns the target of a path whose last part is a symbolic link, else the path itself.
  ///
  /// The file need not exist. The corresponding C function is `readlink`.
  package static func followingLinks(_ path: String) throws(FilesError) -> String {
    var path = path
    for _ in 0..<40 {
      guard let target = FileStatus.target(ofLink: Array(path.utf8)) else { return path }
      let text = String(decoding: target, as: UTF8.self)
      path = text.hasPrefix("/") ? text : parent(of: path) + "/" + text
    }
    throw FilesError(.loop, verb: "open", object: path)
  }

  /// Returns the absolute path without links of an existing file; nil if there is none.
  ///
  /// The corresponding C function is `realpath`.
  package static func canonical(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
