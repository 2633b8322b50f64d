import Files
package import ObjectStore
import Synchronization

/// Objects as files below a directory, with a store's promises: whole or not at all, and safe once put.
///
/// The directory is made by the first put. A key that begins with another key and a slash cannot be kept beside it.
/// Names that no key can have (they hold a `%`) are ours: files being written, and the lock that makes a condition
/// and its put one step. A tag is told from the file's change time, size and inode.
package struct DirectoryObjectStore: ObjectStore {
  let root: String
  private let unfinished = UnfinishedListing()

  package var url: String { "file://\(root)" }

  /// Names the directory, which need not exist; `path` begins with a slash.
  package init(path: String) throws(ObjectStoreError) {
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
        guard try new.commitIfAbsent() else { throw refusal(key) }
        return etag
      }
      let lock = try lock()
      if case .ifMatch(let wanted) = condition {
        guard let info = try FileInfo.of(path(key)), Self.etag(info) == wanted else { throw refusal(key) }
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
      let file = try File(path(key), .read)
      let info = try file.info()
      guard !info.isFolder else { throw FilesError(.noEntry, verb: "get", object: key.name) }
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
      guard let info = try FileInfo.of(path(key)), !info.isFolder else { return nil }
      return Self.info(key, info)
    } catch {
      throw failure(error, "head", key.name)
    }
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    do {
      // The next page of a listing goes on with what the page before found, so that each folder is read once.
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
        guard let info = try FileInfo.of(path(key)), !info.isFolder else { continue }
        objects.append(Self.info(key, info))
      }
      return ObjectListing(objects: objects, isTruncated: false)
    } catch {
      throw failure(error, "list", "\(url)/\(prefix)")
    }
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    do {
      guard try FileInfo.of(path(key))?.isFolder == false else { return }
      let lock = try lock()
      try Folder.remove(path(key))
      // Folders that hold nothing any more go, too.
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

/// What a listing found beyond the page it gave.
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

  private func temporary(for key: ObjectKey) throws(FilesError) -> AtomicFile {
    var attempts = 0
    while true {
      try Folder.create(Folder.parent(of: path(key)))
      do {
        return try AtomicFile(for: path(key))
      } catch {
        // A delete may have removed the folder, empty still, just now.
        attempts += 1
        guard error.errno == .noEntry, attempts < 10 else { throw error }
      }
    }
  }

  /// Waits for the store's lock, which other processes keep to as well; it goes with the file.
  private func lock() throws(FilesError) -> File {
    let file = try File(root + "/%lock", .create)
    try file.lock()
    return file
  }

  private func keys(beginningWith prefix: String) throws(FilesError) -> [ObjectKey] {
    let folder = prefix.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(prefix[...$0]) } ?? ""
    // Only what can be a key's beginning names one of our folders; `..` does not.
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

  private func refusal(_ key: ObjectKey) -> ObjectStoreError {
    ObjectStoreError(
      .preconditionFailed, verb: "put", object: key.name, cause: "the object is not as the condition wants it"
    )
  }

  private func failure(_ error: any Error, _ verb: String, _ object: String) -> ObjectStoreError {
    if let error = error as? ObjectStoreError { return error }
    guard let error = error as? FilesError else {
      return ObjectStoreError(.io, verb: verb, object: object, cause: "\(error)")
    }
    let (code, cause): (ObjectStoreError.Code, String) =
      switch error.errno {
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
