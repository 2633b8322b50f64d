import Glibc
import Synchronization

/// A file written beside its target under a temporary name, which takes the target's name when it is complete.
///
/// After `commit` the target survives a crash of the host: the file and its folder are synced. Dropped without a
/// commit, the temporary file is removed; a crash leaves it behind. Its name holds a `%`.
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
  /// Of several callers at once exactly one gets true.
  ///
  /// The corresponding C function is `link`.
  package func commitIfAbsent() throws(FilesError) -> Bool {
    try file.sync()
    let failure = link(file.path, target) == 0 ? nil : Errno.current
    if failure == .exists { return false }
    if let failure { throw FilesError(failure, verb: "create", object: target) }
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
      let path = "\(folder)/\(name).%tmp-\(getpid())-\(number)"
      do {
        return try File(path, .createNew, permissions: permissions)
      } catch {
        guard error.errno == .exists else { throw error }
      }
    }
  }
}
