import Glibc
import Synchronization

/// A file written beside its target under a temporary name, which takes the target's name when it is complete.
///
/// After `commit` the target survives a crash of the host: the file and its folder are synced. Dropped without a
/// commit, the temporary file is removed; a kill leaves it behind, for `removeLeftover`. Its name holds a `%`, and it is locked
/// while its process lives.
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

  /// Gives the file its name, replacing what had it.
  ///
  /// The corresponding C function is `rename`.
  package func commit() throws(FilesError) {
    try file.sync()
    guard rename(file.path, target) == 0 else { throw FilesError(.current, verb: "write", object: target) }
    isDone.store(true, ordering: .relaxed)
    try Folder.sync(Folder.parent(of: target))
  }

  /// Gives the file its name unless something has it already; false then.
  ///
  /// Of several callers at once exactly one gets true. If its folder cannot be synced the file has its name, but this throws:
  /// whoever finds it then must sync the folder before it counts.
  ///
  /// Throws an error of the verb `link` if the file system has no hard links. The corresponding C function is `link`.
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

  /// Writes a whole file so that its name shows either the old content or all of the new.
  package static func write(_ bytes: some Collection<UInt8>, to target: String) throws(FilesError) {
    let new = try AtomicFile(for: target)
    try new.file.write(bytes, at: 0)
    try new.commit()
  }

  /// Writes a whole file in the same way, for readers that are other users.
  ///
  /// It keeps the permissions, and made by root the owner, of the file that it replaces; a new one may be read by whoever may
  /// read the file `model`.
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
        // Who looks for leftovers may have been faster.
        if isOwn(file) { return file }
      } catch {
        guard error.errno == .exists else { throw error }
      }
    }
  }

  private static let mark = ".%tmp-"

  /// Locks a new temporary file for as long as it is open; false if it was taken for a leftover meanwhile.
  private static func isOwn(_ file: File) -> Bool {
    // A file system without locks has none for those who look for leftovers either.
    guard let isLocked = try? file.tryLock() else { return true }
    guard isLocked, let own = try? file.info() else { return false }
    return (try? FileInfo.of(file.path, followingLinks: false))?.inode == own.inode
  }

  /// Whether a file of this name is a temporary one.
  package static func isTemporary(_ name: String) -> Bool { name.contains(mark) }

  /// Removes a temporary file whose process is gone; leaves it alone where that cannot be told.
  package static func removeLeftover(_ path: String) {
    guard isTemporary(path), let file = try? File(path, .readUntrusted), (try? file.tryLock()) == true,
      let found = try? file.info(), found.isRegular,
      (try? FileInfo.of(path, followingLinks: false))?.inode == found.inode
    else { return }
    _ = unlink(path)
  }
}
