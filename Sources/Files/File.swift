internal import CFiles
import Glibc

/// An open file, read and written at offsets; closed when the last reference goes.
///
/// Calls may be made from several threads at once: no file position is shared. Never open a SQLite database or its
/// `-shm` file with it, since closing any descriptor of those drops SQLite's locks in this process.
package final class File: Sendable {
  /// How a file is opened.
  package enum Mode: Sendable {
    /// For reading; it must exist.
    case read
    /// For reading what somebody else may have put there: a symbolic link at the end of the path is not followed, and a
    /// pipe without a writer is not waited for.
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

    /// A file of ours is never made, or changed, where a link of somebody else leads.
    var linkFlags: Int32 { self == .create ? O_NOFOLLOW : 0 }
  }

  package let path: String
  let descriptor: Int32

  /// Opens the file; a new one gets `permissions` less the process's mask.
  ///
  /// A symbolic link is followed only if the file must exist. The corresponding C function is `open`.
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

  /// Takes over a descriptor.
  init(_ path: String, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// Opens the file of a name that may be any bytes; nil if that fails.
  package init?(named name: [UInt8], _ mode: Mode) {
    let opened = retrying { open(FileStatus.cString(name), mode.flags | O_CLOEXEC, 0o666) }
    guard opened >= 0 else { return nil }
    path = String(decoding: name, as: UTF8.self)
    descriptor = opened
  }

  deinit { _ = close(descriptor) }

  /// Up to `count` bytes from `offset`; fewer only where the file ends.
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

  /// Fills `buffer`, or `count` bytes of it, from `offset` and returns how many bytes were there; fewer only where the file
  /// ends.
  package func read(into buffer: inout [UInt8], at offset: Int, count: Int = .max) throws(FilesError) -> Int {
    var filled = 0
    let failure = buffer.withUnsafeMutableBytes {
      fill(UnsafeMutableRawBufferPointer(rebasing: $0.prefix(count)), from: offset, counting: &filled)
    }
    if let failure { throw FilesError(failure, verb: "read", object: path) }
    return filled
  }

  /// The whole file.
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

  /// Length in bytes.
  package func size() throws(FilesError) -> Int { try info().size }

  /// What the system knows of the open file, whatever its name is now.
  ///
  /// The corresponding C function is `fstat`.
  package func info() throws(FilesError) -> FileInfo {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FilesError(.current, verb: "examine", object: path) }
    return FileInfo(status)
  }

  /// Cuts or lengthens the file.
  ///
  /// The corresponding C function is `ftruncate`.
  package func truncate(to size: Int) throws(FilesError) {
    guard retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else {
      throw FilesError(.current, verb: "truncate", object: path)
    }
  }

  /// Sets the times of the file to now, for those who watch it.
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

  /// Has the system begin to bring a range of what was written to the device; waits for nothing and promises nothing.
  ///
  /// The corresponding C function is `sync_file_range`.
  package func beginWriting(at offset: Int, count: Int) {
    _ = cfiles_sync_file_range(
      descriptor, Int64(offset), Int64(count), UInt32(cfiles_begin_writing))
  }

  /// Waits for the advisory lock on this open file; it goes when the file is closed.
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

  /// Lets go of the advisory lock, also where a program that is being started has the file for a moment.
  ///
  /// The corresponding C function is `flock`.
  package func unlock() { _ = retrying { flock(descriptor, LOCK_UN) } }

  /// Takes, or with `false` lets go of, a second advisory lock on this open file, which has nothing to do with the first; false
  /// where another open file has it.
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
