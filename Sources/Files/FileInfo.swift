internal import CFiles
import Glibc

/// The attributes of a file or folder.
package struct FileInfo: Hashable, Sendable {
  /// Length in bytes.
  package let size: Int
  /// Time of the last change of content, in nanoseconds since 1970.
  package let modifiedNs: Int64
  package let inode: UInt64
  package let device: UInt64
  package let isFolder: Bool
  package let isRegular: Bool
  /// The permissions, without the kind of file.
  package let permissions: UInt32
  package let owner: UInt32
  package let group: UInt32
  /// The number of its names.
  package let linkCount: Int
  /// Whether users other than the owner and the group may read it.
  package let isReadableByOthers: Bool

  init(_ status: stat) {
    size = Int(status.st_size)
    modifiedNs = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    inode = UInt64(status.st_ino)
    device = UInt64(status.st_dev)
    isReadableByOthers = status.st_mode & S_IROTH != 0
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    isRegular = status.st_mode & S_IFMT == S_IFREG
    permissions = UInt32(status.st_mode) & 0o7777
    owner = UInt32(status.st_uid)
    group = UInt32(status.st_gid)
    linkCount = Int(status.st_nlink)
  }

  /// Reads the attributes of `path`; nil if there is no file.
  ///
  /// The corresponding C function is `stat`, or `lstat`.
  package static func of(_ path: String, followingLinks: Bool = true) throws(FilesError) -> FileInfo? {
    var status = stat()
    if (followingLinks ? stat(path, &status) : lstat(path, &status)) == 0 { return FileInfo(status) }
    let failure = Errno.current
    if failure == .noEntry || failure == .notDirectory { return nil }
    throw FilesError(failure, verb: "examine", object: path)
  }

  /// Returns when the file at `path` was created, nanoseconds since 1970; 0 if the file system has
  /// no such time.
  package static func born(_ path: String) -> Int64 { Int64(cfiles_birth(path)) }

  /// Returns whether both are the same file, independent of their names.
  package func isSame(as other: FileInfo) -> Bool { inode == other.inode && device == other.device }

  /// Returns whether anything exists at `path`; false also if the path may not be examined.
  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
