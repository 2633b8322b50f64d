internal import CFiles
import Glibc

/// An open file that is read and written at offsets; closed with its last reference.
///
/// This target wraps the system: `File`, `AtomicFile`, `Folder`, `PrivateFolder` and `SideFile` for
/// files, `Clock`, `ProcessEnvironment` and `ProcessIdentity` for the process. Errors are
/// `FilesError`. It knows nothing of SQLite and never prints.
///
/// Calls may be made from several threads at once, because no file position is shared. Never open a
/// SQLite database or its `-shm` file with it: closing any descriptor of those drops SQLite's locks
/// in this process.
///
///     let file = try File("shop.db-wal", .read)
///     let header = try file.read(at: 0, count: 32)
package final class File: Sendable {
  /// The way to open a file.
  package enum Mode: Sendable {
    /// For reading; it must exist.
    case read
    /// For reading a file that another user may have made: a symbolic link at the end of the path
    /// is not followed, and a pipe without a writer does not block.
    case readUntrusted
    /// For reading and writing; it must exist.
    case readWrite
    /// For reading and writing; made if it does not exist.
    case create
    /// For reading and writing; it must not exist yet.
    case createNew

    var flags: Int32 {
      switch self {
      case .read: O_RDONLY
      case .readUntrusted: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT
      case .createNew: O_RDWR | O_CREAT | O_EXCL
      }
    }

    /// Our files are never created or changed through another user's link.
    var linkFlags: Int32 { self == .create ? O_NOFOLLOW : 0 }
  }

  package let path: String
  let descriptor: Int32

  /// Opens the file; a new one gets `permissions` minus the process's mask.
  ///
  /// A symbolic link is followed only if the file must exist. The corresponding C function is
  /// `open`.
  package convenience init(_ path: String, _ mode: Mode, permissions: UInt32 = 0o600) throws(FilesError) {
    try self.init(path, mode, in: AT_FDCWD, name: path, permissions: permissions)
  }

  /// Opens the file `name` of the folder that has a descriptor.
  init(
    _ path: String, _ mode: Mode, in folder: Int32, name: String, permissions: UInt32 = 0o600
  ) throws(FilesError) {
    let opened = retrying {
      openat(folder, name, mode.flags | mode.linkFlags | O_CLOEXEC, mode_t(permissions))
    }
    guard opened >= 0 else {
      let failure = Errno.current
      throw FilesError(
        failure, verb: mode.flags & O_CREAT == 0 ? "open" : "create", object: path,
        cause: failure == .loop ? "it is a symbolic link" : nil)
    }
    self.path = path
    descriptor = opened
  }

  /// Takes over an open descriptor.
  init(_ path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Opens a file by a name of any bytes; nil if that fails.
  package init?(named name: [UInt8], _ mode: Mode) {
    let opened = retrying { open(FileStatus.cString(name), mode.flags | O_CLOEXEC, 0o666) }
    guard opened >= 0 else { return nil }
    path = String(decoding: name, as: UTF8.self)
    descriptor = opened
  }

  deinit { _ = close(descriptor) }

  /// Returns up to `count` bytes from `offset`; fewer only at the file's end.
  ///
  /// The corresponding C function is `pread`.
  package func read(at offset: Int, count: Int) throws(FilesError) -> [UInt8] {
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
      failure = fill(UnsafeMutableRawBufferPointer(buffer), from: offset, counting: &filled)
    }
    if let failure { throw FilesError(failure, verb: "read", object: path) }
    return bytes
  }

  /// Fills `buffer`, or `count` bytes of it, from `offset`; returns the number of bytes, fewer only
  /// at the file's end.
  package func read(into buffer: inout [UInt8], at offset: Int, count: Int = .max) throws(FilesError) -> Int {
    var filled = 0
    let failure = buffer.withUnsafeMutableBytes {
      fill(UnsafeMutableRawBufferPointer(rebasing: $0.prefix(count)), from: offset, counting: &filled)
    }
    if let failure { throw FilesError(failure, verb: "read", object: path) }
    return filled
  }

  /// Returns the whole file.
  package func readAll() throws(FilesError) -> [UInt8] { try read(at: 0, count: size()) }

  private func fill(
    _ buffer: UnsafeMutableRawBufferPointer, from offset: Int, counting filled: inout Int
  ) -> Errno? {
    guard let start = buffer.baseAddress else { return nil }
    while filled < buffer.count {
      let done = filled
      let got = retrying { pread(descriptor, start + done, buffer.count - done, off_t(offset + done)) }
      if got < 0 { return .current }
      if got == 0 { return nil }
      filled += got
    }
    return nil
  }

  /// Writes all of `bytes` at `offset`, beyond the end too.
  ///
  /// The corresponding C function is `pwrite`.
  package func write(_ bytes: some Collection<UInt8>, at offset: Int) throws(FilesError) {
    let direct = bytes.withContiguousStorageIfAvailable { store(UnsafeRawBufferPointer($0), at: offset) }
    let failure = direct ?? Array(bytes).withUnsafeBytes { store($0, at: offset) }
    if let failure { throw FilesError(failure, verb: "write", object: path) }
  }

  private func store(_ buffer: UnsafeRawBufferPointer, at offset: Int) -> Errno? {
    guard let start = buffer.baseAddress else { return nil }
    var done = 0
    while done < buffer.count {
      let wrote = retrying { pwrite(descriptor, start + done, buffer.count - done, off_t(offset + done)) }
      if wrote < 0 { return .current }
      done += wrote
    }
    return nil
  }

  /// Returns the length in bytes.
  package func size() throws(FilesError) -> Int { try info().size }

  /// Returns the attributes of the open file, even if it was renamed or removed.
  ///
  /// The corresponding C function is `fstat`.
  package func info() throws(FilesError) -> FileInfo {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FilesError(.current, verb: "examine", object: path) }
    return FileInfo(status)
  }

  /// Sets the length of the file.
  ///
  /// The corresponding C function is `ftruncate`.
  package func truncate(to size: Int) throws(FilesError) {
    guard retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else {
      throw FilesError(.current, verb: "truncate", object: path)
    }
  }

  /// Sets the times of the file to now, which wakes its watchers.
  ///
  /// The corresponding C function is `futimens`.
  package func touch() throws(FilesError) {
    guard futimens(descriptor, nil) == 0 else { throw FilesError(.current, verb: "touch", object: path) }
  }

  /// Waits until everything written is on the device.
  ///
  /// The corresponding C function is `fsync`.
  package func sync() throws(FilesError) {
    guard retrying({ fsync(descriptor) }) == 0 else { throw FilesError(.current, verb: "sync", object: path) }
  }

  /// Starts writing a range to the device, without waiting or a promise.
  ///
  /// The corresponding C function is `sync_file_range`.
  package func beginWriting(at offset: Int, count: Int) {
    _ = cfiles_sync_file_range(
      descriptor, Int64(offset), Int64(count), UInt32(cfiles_begin_writing))
  }

  /// Waits for the advisory lock on this open file; closing the file releases it.
  ///
  /// The corresponding C function is `flock`.
  package func lock() throws(FilesError) {
    guard retrying({ flock(descriptor, LOCK_EX) }) == 0 else {
      throw FilesError(.current, verb: "lock", object: path)
    }
  }

  /// Takes the advisory lock on this open file; false if another open file has it.
  ///
  /// The corresponding C function is `flock`.
  package func tryLock() throws(FilesError) -> Bool {
    if retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
    guard errno == EWOULDBLOCK else { throw FilesError(.current, verb: "lock", object: path) }
    return false
  }

  /// Releases the advisory lock, also while a program that is being started has the file for a
  /// moment.
  ///
  /// The corresponding C function is `flock`.
  package func unlock() { _ = retrying { flock(descriptor, LOCK_UN) } }

  /// Takes, or with `false` releases, a second advisory lock on this open file, independent of the
  /// first; false if another open file has it.
  ///
  /// The corresponding C function is `fcntl` with `F_OFD_SETLK`.
  package func tryTurn(_ isTaken: Bool = true) -> Bool {
    var range = flock()
    range.l_type = Int16(isTaken ? F_WRLCK : F_UNLCK)
    range.l_whence = Int16(SEEK_SET)
    range.l_start = 1 << 40
    range.l_len = 1
    return retrying { fcntl(descriptor, Self.setLockOfOpenFile, &range) } == 0
  }

  /// `F_OFD_SETLK`, which Swift does not import; the same on all of Linux (linux/fcntl.h).
  static let setLockOfOpenFile: Int32 = 37
}

/// Repeats a system call that a signal interrupted.
func retrying<Count: FixedWidthInteger & SignedInteger>(_ call: () -> Count) -> Count {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
