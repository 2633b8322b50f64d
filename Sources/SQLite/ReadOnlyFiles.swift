internal import CSQLite
internal import Synchronization

/// A database that SQLite reads through a VFS of `ReadOnlyFiles`.
package protocol ReadOnlyFile: AnyObject {
  /// The length in bytes.
  var size: Int64 { get }
  /// Returns bytes from an offset on: an array, the index of the first byte, and their number.
  ///
  /// Returns at least one byte if the offset is less than `size`.
  func read(at offset: Int64) throws -> (bytes: [UInt8], index: Int, count: Int)
}

/// Registers VFSs for databases that this program does not store as files
/// (https://www.sqlite.org/vfs.html).
///
/// A database of such a VFS never changes (`SQLITE_IOCAP_IMMUTABLE`), so SQLite takes no locks and
/// looks for no log. The default VFS handles the clock and all files that are not main databases,
/// for example temporary files of sorts.
package enum ReadOnlyFiles {
  /// Opens a database.
  ///
  /// `parameter` returns the value of a parameter in the file name's URI.
  package typealias Open = (_ name: String, _ parameter: (String) -> String?) throws -> any ReadOnlyFile

  /// Thrown by a file if the user interrupted a read.
  package struct Interrupted: Error {
    package init() {}
  }

  // Macros that Swift does not import (https://www.sqlite.org/rescode.html).
  private static let readError = SQLITE_IOERR | 1 << 8
  private static let shortRead = SQLITE_IOERR | 2 << 8

  /// The cause of the last failure, because SQLite's error codes cannot hold a text.
  private static let failure = Mutex<String?>(nil)

  /// Returns and clears the cause of the last failure to open or read; nil if there is none.
  package static func takeFailure() -> String? {
    failure.withLock { failure in
      defer { failure = nil }
      return failure
    }
  }

  private static func fail(_ error: any Error, _ code: Int32) -> Int32 {
    if error is Interrupted { return SQLITE_INTERRUPT }
    failure.withLock { $0 = "\(error)" }
    return code
  }

  /// Holds the data of a VFS as long as the program runs.
  private final class Registration {
    let open: Open
    let system: UnsafeMutablePointer<sqlite3_vfs>

    init(_ open: @escaping Open, _ system: UnsafeMutablePointer<sqlite3_vfs>) {
      self.open = open
      self.system = system
    }
  }

  private final class OpenFile {
    let file: any ReadOnlyFile
    init(_ file: any ReadOnlyFile) { self.file = file }
  }

  /// Registers a VFS of this name with SQLite; returns false if that fails.
  ///
  /// Must be called once, before a second thread uses SQLite. The corresponding C function is `sqlite3_vfs_register`.
  @discardableResult
  package static func register(_ name: String, open: @escaping Open) -> Bool {
    guard sqlite3_initialize() == SQLITE_OK, let system = sqlite3_vfs_find(nil),
      sqlite3_vfs_find(name) == nil
    else { return false }
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    vfs.initialize(to: system.pointee)
    vfs.pointee.pNext = nil
    // SQLite needs the name as long as the VFS is registered.
    vfs.pointee.zName = csqlite_copy(name).map { UnsafePointer($0) }
    vfs.pointee.szOsFile = max(system.pointee.szOsFile, fileSize)
    vfs.pointee.pAppData = Unmanaged.passRetained(Registration(open, system)).toOpaque()
    vfs.pointee.xOpen = { ReadOnlyFiles.open($0, $1, $2, $3, $4) }
    vfs.pointee.xDelete = { ReadOnlyFiles.system($0).pointee.xDelete(ReadOnlyFiles.system($0), $1, $2) }
    vfs.pointee.xAccess = { ReadOnlyFiles.system($0).pointee.xAccess(ReadOnlyFiles.system($0), $1, $2, $3) }
    vfs.pointee.xFullPathname = { ReadOnlyFiles.fullName($0, $1, $2, $3) }
    vfs.pointee.xRandomness = {
      ReadOnlyFiles.system($0).pointee.xRandomness(ReadOnlyFiles.system($0), $1, $2)
    }
    vfs.pointee.xSleep = { ReadOnlyFiles.system($0).pointee.xSleep(ReadOnlyFiles.system($0), $1) }
    vfs.pointee.xCurrentTime = {
      ReadOnlyFiles.system($0).pointee.xCurrentTime(ReadOnlyFiles.system($0), $1)
    }
    vfs.pointee.xCurrentTimeInt64 = { vfs, time in
      let system = ReadOnlyFiles.system(vfs)
      return system.pointee.xCurrentTimeInt64?(system, time) ?? SQLITE_ERROR
    }
    vfs.pointee.xGetLastError = { vfs, count, text in
      let system = ReadOnlyFiles.system(vfs)
      return system.pointee.xGetLastError?(system, count, text) ?? 0
    }
    return sqlite3_vfs_register(vfs, 0) == SQLITE_OK
  }

  private static func registration(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> Registration {
    guard let data = vfs?.pointee.pAppData else { preconditionFailure("not a VFS of ReadOnlyFiles") }
    return Unmanaged<Registration>.fromOpaque(data).takeUnretainedValue()
  }

  private static func system(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> UnsafeMutablePointer<sqlite3_vfs> {
    registration(vfs).system
  }

  // MARK: Files

  /// The size of an open file's structure: SQLite's pointer to the methods, then a pointer to
  /// `OpenFile`.
  private static let fileSize = Int32(2 * MemoryLayout<UnsafeRawPointer>.size)
  private static let contextOffset = MemoryLayout<UnsafeRawPointer>.size

  private static func context(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Unmanaged<OpenFile>? {
    guard let file else { return nil }
    let data = UnsafeMutableRawPointer(file)
      .load(fromByteOffset: contextOffset, as: UnsafeMutableRawPointer?.self)
    return data.map { Unmanaged.fromOpaque($0) }
  }

  private static func open(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32, _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    let registration = registration(vfs)
    guard flags & SQLITE_OPEN_MAIN_DB != 0 else {
      return registration.system.pointee.xOpen(registration.system, name, file, flags, outFlags)
    }
    guard let file, let name else { return SQLITE_CANTOPEN }
    file.pointee.pMethods = nil
    do {
      let opened = try registration.open(String(preservingCString: name)) { parameter in
        sqlite3_uri_parameter(name, parameter).map { String(preservingCString: $0) }
      }
      UnsafeMutableRawPointer(file).storeBytes(
        of: Unmanaged.passRetained(OpenFile(opened)).toOpaque(), toByteOffset: contextOffset,
        as: UnsafeMutableRawPointer.self)
    } catch {
      return fail(error, SQLITE_CANTOPEN)
    }
    file.pointee.pMethods = UnsafePointer(methods)
    // ATTACH asks for write access, and gets a read-only file.
    outFlags?.pointee = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY
    return SQLITE_OK
  }

  /// Returns the name unchanged, because it is not the path of a file.
  private static func fullName(
    _ vfs: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?, _ room: Int32,
    _ out: UnsafeMutablePointer<CChar>?
  ) -> Int32 {
    guard let name, let out else { return SQLITE_CANTOPEN }
    var count = 0
    while name[count] != 0 { count += 1 }
    guard count < Int(room) else { return SQLITE_CANTOPEN }
    out.update(from: name, count: count + 1)
    return SQLITE_OK
  }

  // Written once before the first read, and never again.
  nonisolated(unsafe) private static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: sqlite3_io_methods())
    methods.pointee.iVersion = 1
    methods.pointee.xClose = { file in
      ReadOnlyFiles.context(file)?.release()
      file?.pointee.pMethods = nil
      return SQLITE_OK
    }
    methods.pointee.xRead = { ReadOnlyFiles.read($0, $1, $2, $3) }
    methods.pointee.xWrite = { _, _, _, _ in SQLITE_READONLY }
    methods.pointee.xTruncate = { _, _ in SQLITE_READONLY }
    methods.pointee.xSync = { _, _ in SQLITE_OK }
    methods.pointee.xFileSize = { file, size in
      size?.pointee = ReadOnlyFiles.context(file)?.takeUnretainedValue().file.size ?? 0
      return SQLITE_OK
    }
    methods.pointee.xLock = { _, _ in SQLITE_OK }
    methods.pointee.xUnlock = { _, _ in SQLITE_OK }
    methods.pointee.xCheckReservedLock = { _, isReserved in
      isReserved?.pointee = 0
      return SQLITE_OK
    }
    methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    methods.pointee.xSectorSize = { _ in 4096 }
    // > The SQLITE_IOCAP_IMMUTABLE flag indicates that the file is on read-only media and cannot be changed
    // > (https://www.sqlite.org/c3ref/c_iocap_atomic.html).
    methods.pointee.xDeviceCharacteristics = { _ in SQLITE_IOCAP_IMMUTABLE }
    return methods
  }()

  private static func read(
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ target: UnsafeMutableRawPointer?, _ count: Int32,
    _ offset: Int64
  ) -> Int32 {
    guard let target, count >= 0, let file = context(file)?.takeUnretainedValue().file else {
      return readError
    }
    var done = 0
    do {
      while done < Int(count), offset + Int64(done) < file.size {
        let found = try file.read(at: offset + Int64(done))
        precondition(found.index >= 0 && found.index + found.count <= found.bytes.count)
        let wanted = min(found.count, Int(count) - done)
        guard wanted > 0 else { break }
        found.bytes.withUnsafeBytes { bytes in
          (target + done).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[found.index..<found.index + wanted]).baseAddress
              ?? UnsafeRawPointer(target),
            byteCount: wanted)
        }
        done += wanted
      }
    } catch {
      return fail(error, readError)
    }
    guard done < Int(count) else { return SQLITE_OK }
    // > If xRead() returns SQLITE_IOERR_SHORT_READ it must also fill in the unread portions of the buffer with zeros
    // > (https://www.sqlite.org/c3ref/io_methods.html).
    (target + done).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count) - done)
    return shortRead
  }
}
