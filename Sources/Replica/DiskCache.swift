internal import Bytes
internal import Files
internal import Synchronization

/// Caches compressed frames and slices in a private folder, which several processes may share.
///
/// Each entry is one file. It is written under a temporary name and renamed, so readers see a
/// complete entry or none. Each file begins with a hash, so a damaged or truncated entry is a miss.
/// If the folder exceeds its limit, the least recently used entries are deleted. Every failure of
/// the cache is a miss.
package final class DiskCache: Sendable {
  private let folder: PrivateFolder
  private let limit: Int
  /// Bytes written since the last measurement of the folder; nil before the first one.
  private let written = Mutex<Int?>(nil)

  /// The number of written bytes after which the folder is measured again.
  private static let step = 64 << 20
  private static let magic = Array("SQLCS3C1".utf8)
  private static let head = 24
  /// The prefix of the names of unfinished files.
  ///
  /// A file that a killed process left is deleted after an hour.
  private static let temporary = "new-"
  private static let hour: Int64 = 3600

  /// Opens the cache, and creates its folder if necessary; nil if that fails.
  package init?(_ path: String, limit: Int = 1_000_000_000) {
    do {
      try Folder.create(Folder.parent(of: path))
      folder = try PrivateFolder(path)
    } catch {
      return nil
    }
    self.limit = limit
  }

  private static func name(_ key: String) -> String {
    let bytes = Array(key.utf8)
    return Hash128(bytes, 0..<bytes.count).description
  }

  /// Returns the bytes of a key; nil if there is no entry or it is damaged.
  package func bytes(_ key: String) -> [UInt8]? {
    guard let file = try? folder.file(Self.name(key), .readUntrusted), let info = try? file.info(),
      info.isRegular, info.size >= Self.head, info.size <= limit, let all = try? file.readAll(),
      all.starts(with: Self.magic), all.count >= Self.head
    else { return nil }
    let hash = Hash128(all, Self.head..<all.count, seed: Self.seed(key))
    guard all.littleEndian(at: 8) == hash.low, all.littleEndian(at: 16) == hash.high else { return nil }
    if Clock.wallMicroseconds / 1_000_000 - info.modifiedNs / 1_000_000_000 > Self.hour { try? file.touch() }
    return Array(all[Self.head...])
  }

  /// Returns whether there is an entry for a key, damaged or not.
  func contains(_ key: String) -> Bool { (try? folder.file(Self.name(key), .readUntrusted)) != nil }

  /// Stores bytes under a key, unless they are too large for the cache.
  package func keep(_ bytes: [UInt8], _ key: String) {
    guard bytes.count < limit / 16 else { return }
    let hash = Hash128(bytes, 0..<bytes.count, seed: Self.seed(key))
    var all = Self.magic
    all.reserveCapacity(bytes.count + Self.head)
    all.appendLittleEndian(hash.low)
    all.appendLittleEndian(hash.high)
    all += bytes
    let temporary = Self.temporary + Hex.fixed(UInt64.random(in: 0 ... .max))
    do {
      try folder.file(temporary, .createNew).write(all, at: 0)
      try folder.rename(temporary, to: Self.name(key))
    } catch {
      try? folder.remove(temporary)
      return
    }
    let isDue = written.withLock { written in
      guard let before = written, before + all.count < Self.step else {
        written = 0
        return true
      }
      written = before + all.count
      return false
    }
    if isDue { shrink() }
  }

  /// Returns the seed of an entry's hash, so that a file renamed from another key's entry is a
  /// miss.
  private static func seed(_ key: String) -> UInt64 {
    let bytes = Array(key.utf8)
    return Hash128(bytes, 0..<bytes.count, seed: 1).low
  }

  /// Deletes the least recently used entries until a quarter of the limit is free.
  private func shrink() {
    let now = Clock.wallMicroseconds / 1_000_000
    var files: [(name: String, size: Int, used: Int64)] = []
    for name in (try? folder.names()) ?? [] {
      guard let info = try? FileInfo.of(folder.path + "/" + name, followingLinks: false), info.isRegular
      else {
        continue
      }
      if name.hasPrefix(Self.temporary) {
        if now - info.modifiedNs / 1_000_000_000 > Self.hour { try? folder.remove(name) }
      } else {
        files.append((name, info.size, info.modifiedNs / 1_000_000_000))
      }
    }
    var total = files.reduce(0) { $0 + $1.size }
    guard total > limit else { return }
    for file in files.sorted(by: { $0.used < $1.used }) {
      guard total > limit / 4 * 3 else { break }
      try? folder.remove(file.name)
      total -= file.size
    }
  }
}
