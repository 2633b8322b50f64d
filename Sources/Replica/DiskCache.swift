internal import Bytes
internal import Files
internal import Synchronization

/// A bounded cache of compressed frames and slices in a folder of the user, for all processes at once.
///
/// Each entry is a file of its own. It is written under another name and renamed, so a reader sees all of it or none. Its
/// content begins with a hash: an entry that is damaged or cut short is a miss. What was not used for the longest time is
/// deleted when the folder holds more than its limit. Nothing depends on the cache: every failure is a miss.
package final class DiskCache: Sendable {
  private let folder: PrivateFolder
  private let limit: Int
  /// Bytes written since the folder was last measured; nil before the first time.
  private let written = Mutex<Int?>(nil)

  /// Bytes that may be written before the folder is measured again.
  private static let step = 64 << 20
  private static let magic = Array("SQLCS3C1".utf8)
  private static let head = 24
  /// What names of files that are being written begin with; those of a process that was killed are deleted after an hour.
  private static let temporary = "new-"
  private static let hour: Int64 = 3600

  /// Opens the cache in a folder, which it makes; nil if that is not possible.
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

  /// Returns the bytes of a key; nil if they are not there or damaged.
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

  /// Keeps bytes, if there is room.
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

  /// A file that another key's entry was renamed to is not taken for this key's.
  private static func seed(_ key: String) -> UInt64 {
    let bytes = Array(key.utf8)
    return Hash128(bytes, 0..<bytes.count, seed: 1).low
  }

  /// Deletes what was not used for the longest time, until a quarter of the limit is free.
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
