internal import CFiles
import Glibc

/// A folder that no other user may read or write, used through its descriptor.
///
/// If another user takes its name, or puts a link in the place of a file in it, that target is
/// never written or removed. The corresponding C functions are `openat`, `mkdirat`, `renameat2` and
/// `unlinkat`.
package final class PrivateFolder: Sendable {
  package let path: String
  private let descriptor: Int32

  /// Makes the folder, or opens an existing one.
  ///
  /// Throws if that is a link, no folder, or another user's.
  package convenience init(_ path: String) throws(FilesError) {
    try self.init(path, in: AT_FDCWD, name: path)
  }

  private init(_ path: String, in parent: Int32, name: String) throws(FilesError) {
    guard mkdirat(parent, name, 0o700) == 0 || errno == EEXIST else {
      throw FilesError(.current, verb: "create folder", object: path)
    }
    let opened = retrying { openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard opened >= 0 else {
      let failure = Errno.current
      throw FilesError(
        failure, verb: "use", object: path,
        cause: failure == .loop || failure == .notDirectory ? "it is not a folder of ours: remove it" : nil)
    }
    var status = stat()
    let isKnown = fstat(opened, &status) == 0
    let failure = Errno.current
    guard isKnown, status.st_uid == geteuid() else {
      close(opened)
      throw FilesError(
        isKnown ? .notPermitted : failure, verb: "use", object: path,
        cause: isKnown ? "it belongs to another user: remove it" : nil)
    }
    guard status.st_mode & 0o077 == 0 || fchmod(opened, 0o700) == 0 else {
      let failure = Errno.current
      close(opened)
      throw FilesError(failure, verb: "use", object: path)
    }
    self.path = path
    descriptor = opened
  }

  deinit { _ = close(descriptor) }

  /// Opens a folder in it, and makes it if it is missing.
  package func folder(_ name: String) throws(FilesError) -> PrivateFolder {
    try PrivateFolder(path + "/" + name, in: descriptor, name: name)
  }

  /// Opens a file in it.
  package func file(_ name: String, _ mode: File.Mode) throws(FilesError) -> File {
    try File(path + "/" + name, mode, in: descriptor, name: name)
  }

  /// Returns the names in it, in byte order.
  package func names() throws(FilesError) -> [String] {
    try Folder.names(in: descriptor, path).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file or folder in it, with its content.
  package func remove(_ name: String) throws(FilesError) {
    try Folder.removeEntry(name, in: descriptor, path + "/" + name)
  }

  /// Removes everything in it.
  package func removeContent() throws(FilesError) { for name in try names() { try remove(name) } }

  /// Whether the folder still has its name, for programs that use the name.
  package var isInPlace: Bool {
    var (here, there) = (stat(), stat())
    guard fstat(descriptor, &here) == 0, lstat(path, &there) == 0 else { return false }
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev
  }

  /// Replaces a file in it with these bytes; after a crash the old one, the new one or none exists.
  package func write(_ bytes: some Collection<UInt8>, to name: String) throws(FilesError) {
    try remove(name)
    let file = try file(name, .createNew)
    try file.write(bytes, at: 0)
    try file.sync()
  }

  /// Renames a file in the folder, and replaces the file with the new name.
  package func rename(_ name: String, to target: String) throws(FilesError) {
    guard renameat(descriptor, name, descriptor, target) == 0 else {
      throw FilesError(.current, verb: "rename", object: path + "/" + name)
    }
  }

  /// Renames a file in it to a path in the same file system, and replaces an existing file.
  package func move(_ name: String, to target: String) throws(FilesError) {
    guard renameat(descriptor, name, AT_FDCWD, target) == 0 else {
      throw FilesError(.current, verb: "rename", object: path + "/" + name)
    }
  }

  /// Does the same unless a file exists there; returns false then.
  package func moveIfAbsent(_ name: String, to target: String) throws(FilesError) -> Bool {
    if cfiles_rename(descriptor, name, AT_FDCWD, target, UInt32(cfiles_rename_no_replace)) == 0 {
      return true
    }
    let failure = Errno.current
    if failure == .exists { return false }
    // Some file systems have no such rename, but links.
    guard failure == .invalid || failure == .notImplemented else {
      throw FilesError(failure, verb: "rename", object: path + "/" + name)
    }
    guard linkat(descriptor, name, AT_FDCWD, target, 0) == 0 else {
      if errno == EEXIST { return false }
      throw FilesError(.current, verb: "create", object: target)
    }
    _ = unlinkat(descriptor, name, 0)
    return true
  }
}
