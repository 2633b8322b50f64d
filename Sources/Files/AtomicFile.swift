import Glibc
import Synchronization

/// A file that is written under a temporary name, and renamed to its target when it is complete.
///
/// After `commit` the target survives a crash of the host: the file and its folder are synced.
/// Without a commit the temporary file is removed; a kill leaves it for `removeLeftover`. Its name
/// holds a `%`, and it is locked while its process lives.
package final class AtomicFile: Sendable {
  package let target: String
  /// The temporary file, to be written.
  package let file: File
  private let isDone = Atomic(false)

  package init(for target: String, permissions: UInt32 = 0o600) throws(FilesError) {
    self.target = target
    file = try Self.openTemporary(beside: target, permissions: permissions)
  }

  deinit {
    if !isDone.load(ordering: .relaxed) { _ = unlink(file.path) }
  }

  /// Renames the file to its target, and replaces an existing file.
  ///
  /// The corresponding C function is `rename`.
  package func commit() throws(FilesError) {
    try file.sync()
    guard rename(file.path, target) == 0 else { throw FilesError(.current, verb: "write", object: target) }
    isDone.store(true, ordering: .relaxed)
    try Folder.sync(Folder.parent(of: target))
  }

  /// Gives the file its name unless a file has it already; returns false then.
  ///
  /// Of several callers at once exactly one gets true. If the folder cannot be synced, this throws
  /// although the file has its name: a program that finds it then must sync the folder first.
  ///
  /// Throws an error of the verb `link` if the file system has no hard links. The corresponding C
  /// function is `link`.
  package func commitIfAbsent() throws(FilesError) -> Bool {
    try file.sync()
    let failure = link(file.path, target) == 0 ? nil : Errno.current
    if failure == .exists { return false }
    if let failure {
      let isUnknown = [.notPermitted, .notSupported, .notImplemented, .tooManyLinks].contains(failure)
      throw FilesError(failure, verb: isUnknown ? "link" : "create", object: target)
    }
    _ = unlink(file.path)
    isDone.store(true, ordering: .relaxed)
    try Folder.sync(Folder.parent(of: target))
    return true
  }

  /// Writes a whole file.
  ///
  /// Its name shows either the old content or all of the new.
  package static func write(_ bytes: some Collection<UInt8>, to target: String) throws(FilesError) {
    let new = try AtomicFile(for: target)
    try new.file.write(bytes, at: 0)
    try new.commit()
  }

  /// Writes a whole file in the same way, for readers that are other users.
  ///
  /// It keeps the permissions of the file that it replaces, and as root its owner. Readers of the
  /// file `model` may read a new one.
  package static func write(
    _ bytes: some Collection<UInt8>, to target: String, readableAs model: String
  ) throws(FilesError) {
    let old = try FileInfo.of(target)
    let new = try AtomicFile(for: target, permissions: 0o644 & (FileInfo.of(model)?.permissions ?? 0o644))
    if let old, old.isRegular {
      if geteuid() == 0 { try new.file.adoptOwner(of: old) }
      _ = fchmod(new.file.descriptor, mode_t(old.permissions & 0o666))
    }
    try new.file.write(bytes, at: 0)
    try new.commit()
  }

  /// Writes a whole file unless one has the name already; returns whether it did.
  package static func create(_ bytes: some Collection<UInt8>, at target: String) throws(FilesError) -> Bool {
    let new = try AtomicFile(for: target)
    try new.file.write(bytes, at: 0)
    return try new.commitIfAbsent()
  }

  private static let counter = Atomic<UInt64>(0)

  private static func openTemporary(beside target: String, permissions: UInt32) throws(FilesError) -> File {
    let folder = Folder.parent(of: target)
    let name = String(
      decoding: target.utf8.split(separator: UInt8(ascii: "/")).last?.prefix(180) ?? [], as: UTF8.self)
    while true {
      let number = counter.add(1, ordering: .relaxed).newValue
      let path = "\(folder)/\(name)\(mark)\(getpid())-\(number)"
      do {
        let file = try File(path, .createNew, permissions: permissions)
        // Another process that looks for leftovers may have removed it first.
        if isOwn(file) { return file }
      } catch {
        guard error.errno == .exists else { throw error }
      }
    }
  }

  private static let mark = ".%tmp-"

  /// Locks a new temporary file while it is open; returns false if another process removed it as a
  /// leftover.
  private static func isOwn(_ file: File) -> Bool {
    // On a file system without locks, processes that look for leftovers have none either.
    guard let isLocked = try? file.tryLock() else { return true }
    guard isLocked, let own = try? file.info() else { return false }
    return (try? FileInfo.of(file.path, followingLinks: false))?.inode == own.inode
  }

  /// Returns whether a file of this name is a temporary one.
  package static func isTemporary(_ name: String) -> Bool { name.contains(mark) }

  /// Removes a temporary file whose process is gone; keeps it if that is unknown.
  package static func removeLeftover(_ path: String) {
    guard isTemporary(path), let file = try? File(path, .readUntrusted), (try? file.tryLock()) == true,
      let found = try? file.info(), found.isRegular,
      (try? FileInfo.of(path, followingLinks: false))?.inode == found.inode
    else { return }
    _ = unlink(path)
  }
}
