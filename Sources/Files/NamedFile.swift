internal import Glibc

/// Operations on files with names of any bytes, as in SQL: each call opens, works and closes.
package enum NamedFile {
  /// Reads a whole file into memory from `body`; false if it cannot be opened or read.
  ///
  /// `body` gets the file's length, which is 0 for special files and huge for a folder; if it
  /// returns nil, nothing is read. The corresponding C functions are `lseek` and `pread`.
  package static func read(
    _ name: [UInt8], into body: (_ length: Int) -> UnsafeMutableRawBufferPointer?
  ) -> Bool {
    let descriptor = retrying { open(FileStatus.cString(name), O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let length = max(Int(lseek(descriptor, 0, SEEK_END)), 0)
    guard let room = body(length), let base = room.baseAddress else { return false }
    var done = 0
    while done < min(length, room.count) {
      let from = base + done
      let left = min(length, room.count) - done
      let got = retrying { pread(descriptor, from, left, off_t(done)) }
      guard got > 0 else { return false }
      done += got
    }
    return true
  }

  /// The kinds of files that `write` makes.
  package enum Content {
    case file(UnsafeRawBufferPointer)
    case folder
    case link(to: [UInt8])
  }

  /// Writes a file, link or folder, with missing folders above it; false if that fails.
  ///
  /// `mode` has the permissions; nil means those of the process's mask. `modified` is in seconds
  /// since 1970.
  package static func write(
    _ content: Content, to name: [UInt8], mode: UInt32?, modified: Int64?, replacesByLink: Bool = false
  ) -> Bool {
    if replacesByLink, case .link = content { unlink(FileStatus.cString(name)) }
    if make(content, name, mode, modified, replacesByLink) { return true }
    guard errno == ENOENT, makeFoldersAbove(name) else { return false }
    return make(content, name, mode, modified, replacesByLink)
  }

  private static func make(
    _ content: Content, _ name: [UInt8], _ mode: UInt32?, _ modified: Int64?, _ replacesByLink: Bool
  ) -> Bool {
    let path = FileStatus.cString(name)
    switch content {
    case .link(let target):
      guard symlink(FileStatus.cString(target), path) == 0 else { return false }
    case .folder:
      let mode = mode_t(mode ?? 0o777)
      if mkdir(path, mode) != 0 {
        var status = stat()
        guard errno == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
          return false
        }
        if status.st_mode & 0o777 != mode & 0o777, chmod(path, mode & 0o777) != 0 { return false }
      }
    case .file(let bytes):
      let descriptor = retrying { open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
      guard descriptor >= 0 else { return false }
      let isWritten = store(bytes, descriptor)
      guard close(descriptor) == 0, isWritten else { return false }
      if let mode, chmod(path, mode_t(mode & 0o777)) != 0 { return false }
    }
    guard let modified else { return true }
    var times = (timeval(), timeval())
    times.0.tv_sec = time(nil)
    times.1.tv_sec = Int(modified)
    // The link's own time: its target may not exist.
    if replacesByLink, case .link = content { return Self.touchLink(path, times) }
    return withUnsafeBytes(of: &times) { utimes(path, $0.baseAddress?.assumingMemoryBound(to: timeval.self)) }
      == 0
  }

  private static func touchLink(_ path: [CChar], _ times: (timeval, timeval)) -> Bool {
    var times = (
      timespec(tv_sec: times.0.tv_sec, tv_nsec: 0), timespec(tv_sec: times.1.tv_sec, tv_nsec: 0)
    )
    return withUnsafeBytes(of: &times) {
      utimensat(AT_FDCWD, path, $0.baseAddress?.assumingMemoryBound(to: timespec.self), AT_SYMLINK_NOFOLLOW)
    } == 0
  }

  private static func store(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    var done = 0
    while done < bytes.count {
      let from = base + done
      let wrote = retrying { Glibc.write(descriptor, from, bytes.count - done) }
      guard wrote > 0 else { return false }
      done += wrote
    }
    return true
  }

  private static func makeFoldersAbove(_ name: [UInt8]) -> Bool {
    for index in name.indices.dropFirst() where name[index] == UInt8(ascii: "/") {
      let folder = Array(name[..<index])
      var status = stat()
      if stat(FileStatus.cString(folder), &status) == 0 {
        guard status.st_mode & S_IFMT == S_IFDIR else { return false }
      } else if mkdir(FileStatus.cString(folder), 0o777) != 0 {
        return false
      }
    }
    return true
  }

  /// Removes a file.
  ///
  /// The corresponding C function is `unlink`.
  package static func remove(_ name: [UInt8]) { _ = unlink(FileStatus.cString(name)) }
}

/// A folder that is read name by name in the file system's order; closed with its last reference.
package final class FolderReader {
  private let folder: OpaquePointer

  /// Fails (nil) if it cannot be read.
  ///
  /// The corresponding C function is `opendir`.
  package init?(_ name: [UInt8]) {
    guard let folder = opendir(FileStatus.cString(name)) else { return nil }
    self.folder = folder
  }

  deinit { closedir(folder) }

  /// Returns the next name, without `.` and `..`; nil at the end.
  ///
  /// The corresponding C function is `readdir`.
  package func next() -> [UInt8]? {
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in Array(bytes.prefix { $0 != 0 }) }
      if name != Array(".".utf8) && name != Array("..".utf8) { return name }
    }
    return nil
  }
}

extension NamedFile {
  /// Reads a whole file of at most `limit` bytes; false if that is not possible.
  package static func collect(_ name: [UInt8], limit: Int, into content: inout [UInt8]) -> Bool {
    let descriptor = retrying { open(FileStatus.cString(name), O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let got = part.withUnsafeMutableBytes { bytes in
        retrying { Glibc.read(descriptor, bytes.baseAddress, bytes.count) }
      }
      guard got >= 0, content.count + got <= limit else { return false }
      if got == 0 { return true }
      content += part.prefix(got)
    }
  }
}
