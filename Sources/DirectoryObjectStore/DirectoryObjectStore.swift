import Files
package import ObjectStore
import Synchronization

/// A store that keeps objects as files below a directory: complete or absent, and safe after a put.
///
/// The first put makes the directory. A key that begins with another key and a slash cannot be kept
/// beside it. Names with a `%`, which no key has, are ours: files being written, and the lock that
/// makes a condition and its put one step. A tag is made of the file's change time, size and inode.
/// Only regular files are objects: links are not followed, and pipes and devices are not opened.
///
/// An object counts when its file and every folder above it are synced. If a put finds the object,
/// it syncs it before it refuses, because the put that made it may have failed to.
package struct DirectoryObjectStore: ObjectStore {
  let root: String
  private let sizeLimit: @Sendable (ObjectKey) -> Int
  private let unfinished = UnfinishedListing()
  private let folders = DurableFolders()

  package var url: String { "file://\(root)" }

  /// Names the directory, which need not exist; `path` begins with a slash.
  ///
  /// Objects that are read as a whole may have up to `sizeLimit` bytes.
  package init(
    path: String, sizeLimit: @escaping @Sendable (ObjectKey) -> Int = { _ in ObjectInfo.largest }
  ) throws(ObjectStoreError) {
    self.sizeLimit = sizeLimit
    guard path.hasPrefix("/") else {
      throw ObjectStoreError(
        .configuration, verb: "configure", object: "directory \(path)",
        cause: "write the path from the root, as /directory")
    }
    var trimmed = path[...]
    while trimmed.hasSuffix("/") { trimmed = trimmed.dropLast() }
    root = String(trimmed)
  }

  /// Reads `file:///directory`.
  package init(url: String) throws(ObjectStoreError) {
    guard url.hasPrefix("file:///") else {
      throw ObjectStoreError(.configuration, verb: "configure", object: url, cause: "write file:///directory")
    }
    try self.init(path: String(url.dropFirst("file://".count)))
  }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    do {
      let new = try temporary(for: key)
      try new.file.write(bytes, at: 0)
      try new.file.sync()
      let etag = Self.etag(try new.file.info())
      if condition == .ifAbsent {
        guard try new.commitIfAbsent() else { throw try refusal(key) }
        return etag
      }
      let lock = try lock(for: key)
      if case .ifMatch(let wanted) = condition {
        guard let info = try info(key), Self.etag(info) == wanted else { throw try refusal(key) }
      }
      try new.commit()
      withExtendedLifetime(lock) {}
      return etag
    } catch {
      throw failure(error, "put", key.name)
    }
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    do {
      let file = try File(path(key), .readUntrusted)
      let info = try file.info()
      guard !info.isFolder else { throw FilesError(.noEntry, verb: "get", object: key.name) }
      guard info.isRegular else { throw notAFile(key) }
      guard range != nil || info.size <= sizeLimit(key) else {
        throw ObjectStoreError(
          .damaged, verb: "get", object: key.name,
          cause: "its \(info.size) bytes are more than such an object can have")
      }
      let part = (range ?? 0..<info.size).clamped(to: 0..<info.size)
      let bytes = try file.read(at: part.lowerBound, count: part.count)
      guard bytes.count == part.count else {
        throw ObjectStoreError(
          .damaged, verb: "get", object: key.name, cause: "the file became shorter while it was read")
      }
      return ObjectContent(bytes: bytes, etag: Self.etag(info))
    } catch {
      throw failure(error, "get", key.name)
    }
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    do {
      guard let info = try info(key), !info.isFolder else { return nil }
      guard info.isRegular else { throw notAFile(key) }
      return Self.info(key, info)
    } catch {
      throw failure(error, "head", key.name)
    }
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    do {
      // The next page continues with the names that the page before found, so each folder is read
      // once.
      let found = unfinished.state.withLock { listed in
        defer { listed = nil }
        return listed.flatMap { $0.prefix == prefix && $0.last == after ? $0.rest : nil }
      }
      let keys = try found ?? keys(beginningWith: prefix)[...]
      var objects: [ObjectInfo] = []
      for (index, key) in zip(keys.indices, keys) {
        if found == nil, let after, !after.utf8.lexicographicallyPrecedes(key.name.utf8) { continue }
        if objects.count == max(limit, 1) {
          unfinished.state.withLock {
            $0 = .init(prefix: prefix, last: objects.last?.key.name, rest: keys[index...])
          }
          return ObjectListing(objects: objects, isTruncated: true)
        }
        guard let info = try info(key), info.isRegular else { continue }
        objects.append(Self.info(key, info))
      }
      return ObjectListing(objects: objects, isTruncated: false)
    } catch {
      throw failure(error, "list", "\(url)/\(prefix)")
    }
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    do {
      guard try info(key)?.isFolder == false else { return }
      let lock = try lock(for: key)
      try Folder.remove(path(key))
      // Folders that are empty now are removed too.
      var folder = Folder.parent(of: path(key))
      while folder.utf8.count > root.utf8.count, try Folder.removeIfEmpty(folder) {
        folder = Folder.parent(of: folder)
      }
      try Folder.sync(folder)
      withExtendedLifetime(lock) {}
    } catch {
      throw failure(error, "delete", key.name)
    }
  }
}

extension DirectoryObjectStore {
  /// Returns the file system's time, from a file that is made for this; nil before there is a
  /// directory.
  package func time() throws(ObjectStoreError) -> Int64? {
    do {
      guard try FileInfo.of(root)?.isFolder == true else { return nil }
      return try AtomicFile(for: root + "/%time").file.info().modifiedNs / 1000
    } catch {
      throw failure(error, "examine", root)
    }
  }
}

/// Names that a listing found beyond the page that it returned.
private final class UnfinishedListing: Sendable {
  struct State: Sendable {
    let prefix: String
    let last: String?
    let rest: ArraySlice<ObjectKey>
  }
  let state = Mutex<State?>(nil)
}

extension DirectoryObjectStore {
  private func path(_ key: ObjectKey) -> String { "\(root)/\(key.name)" }

  private func info(_ key: ObjectKey) throws(FilesError) -> FileInfo? {
    try FileInfo.of(path(key), followingLinks: false)
  }

  private func temporary(for key: ObjectKey) throws(FilesError) -> AtomicFile {
    removeLeftovers()
    var attempts = 0
    while true {
      try folders.make(Folder.parent(of: path(key)), below: root)
      do {
        return try AtomicFile(for: path(key))
      } catch {
        // A delete may have removed the empty folder meanwhile.
        attempts += 1
        guard error.errno == .noEntry, attempts < 10 else { throw error }
      }
    }
  }

  /// Removes files that killed processes were writing, once, at the first put.
  private func removeLeftovers() {
    guard folders.isFirst, let files = try? Folder.filesRecursively(in: root) else { return }
    for file in files where AtomicFile.isTemporary(file) { AtomicFile.removeLeftover(root + "/" + file) }
  }

  /// Waits for the store's lock, which other processes use as well.
  ///
  /// Closing the file releases it.
  private func lock(for key: ObjectKey) throws -> File {
    let file = try File(root + "/%lock", .create)
    guard let deadline = RequestDeadline.current else {
      try file.lock()
      return file
    }
    while try !file.tryLock() {
      guard Clock.monotonicSeconds < deadline else {
        throw ObjectStoreError(
          .timeout, verb: "put", object: key.name, cause: "another process has the lock \(root)/%lock")
      }
      Clock.sleep(seconds: 0.005)
    }
    return file
  }

  /// Refuses a put because the object exists, after syncing it: the caller may find that it is its
  /// own object.
  private func refusal(_ key: ObjectKey) throws -> ObjectStoreError {
    if let file = try? File(path(key), .readUntrusted) { try file.sync() }
    try folders.sync(Folder.parent(of: path(key)), below: root)
    return ObjectStoreError(
      .preconditionFailed, verb: "put", object: key.name, cause: "the object is not as the condition wants it"
    )
  }

  private func notAFile(_ key: ObjectKey) -> ObjectStoreError {
    ObjectStoreError(
      .io, verb: "get", object: key.name, cause: "\(path(key)) is not a regular file, which objects are")
  }

  private func keys(beginningWith prefix: String) throws(FilesError) -> [ObjectKey] {
    let folder = prefix.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(prefix[...$0]) } ?? ""
    // Only the beginning of a key can name one of our folders; `..` cannot.
    guard folder.isEmpty || (try? ObjectKey(String(folder.dropLast()))) != nil else { return [] }
    let files: [String]
    do {
      files = try Folder.filesRecursively(in: root + "/" + folder)
    } catch {
      guard error.errno == .noEntry else { throw error }
      return []
    }
    return files.compactMap { try? ObjectKey(folder + $0) }.filter { $0.name.utf8.starts(with: prefix.utf8) }
  }

  private static func info(_ key: ObjectKey, _ info: FileInfo) -> ObjectInfo {
    ObjectInfo(key: key, size: info.size, etag: etag(info), modified: info.modifiedNs / 1_000_000_000)
  }

  private static func etag(_ info: FileInfo) -> ETag {
    ETag(
      [UInt64(bitPattern: info.modifiedNs), UInt64(info.size), info.inode].map { String($0, radix: 16) }
        .joined(separator: "-"))
  }

  private func failure(_ error: any Error, _ verb: String, _ object: String) -> ObjectStoreError {
    if let error = error as? ObjectStoreError { return error }
    guard let error = error as? FilesError else {
      return ObjectStoreError(.io, verb: verb, object: object, cause: "\(error)")
    }
    let (code, cause): (ObjectStoreError.Code, String) =
      switch error.errno {
      case _ where error.verb == "link":
        (
          .configuration,
          "the file system of \(root) has no hard links, which it takes to create objects safely: "
            + "use a directory on another one"
        )
      case .loop: (.io, "\(error.object) is a symbolic link, which objects are not")
      case .noEntry: (.notFound, "no such object")
      case .noSpace, .quota: (.noSpace, "no space left for \(error.object)")
      case .accessDenied, .notPermitted, .readOnly:
        (.accessDenied, "no permission to \(error.verb) \(error.object)")
      case .notDirectory: (.configuration, "\(error.object) is not in a directory, or not one itself")
      case .isDirectory: (.configuration, "\(error.object) is a directory")
      default: (.io, "\(error)")
      }
    return ObjectStoreError(code, verb: verb, object: object, cause: cause)
  }
}
