import Bytes
import Compression
import Digest
import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

/// Fetches the parts of a base, several at once, and writes each where it belongs.
struct BaseWriter {
  let source: ObjectSource
  let manifest: BaseManifest
  /// Nil to check the parts only.
  let file: File?
  var progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?
  /// Parts that were found right before, with the combined hashes of their pages; they count where no file is written.
  var known: [BaseManifest.Part: Hash128] = [:]

  /// Most bytes of pages in memory at once.
  private static let window = 96 << 20

  /// Throws what is wrong with the first part that is; a part that the file holds already is not fetched.
  func write() throws {
    if let error = try check(stopAtFirst: true).faults.first { throw error }
  }

  /// What is wrong with each part, and the hashes of those that are right.
  ///
  /// Where all are, the pages are proven to be those of the database whose checksum the manifest tells.
  func check(stopAtFirst: Bool) throws -> (faults: [FormatError], known: [BaseManifest.Part: Hash128]) {
    let pageSize = manifest.state.pageSize
    let total = manifest.parts.reduce(0) { $0 + $1.compressedSize }
    let done = Mutex(0)
    let found = Mutex<[any Error]>([])
    let sums = Mutex<[BaseManifest.Part: Hash128]>([:])
    // Nothing that an earlier run left past the end may show through where the database grows again.
    let end = Int(manifest.state.pages) * pageSize
    if let file, try file.size() > end { try file.truncate(to: end) }
    let largest = manifest.parts.map { Int($0.pageCount) * pageSize }.max() ?? 1
    let pool = TransferPool("restore.base", threads: min(max(Self.window / max(largest * 3 / 2, 1), 1), 8))
    let group = DispatchGroup()
    for part in manifest.parts {
      guard !stopAtFirst || found.withLock({ $0.isEmpty }), !source.isStopped else { break }
      pool.run(in: group) {
        do {
          let sum = try self.take(part)
          sums.withLock { $0[part] = sum }
        } catch {
          found.withLock { $0.append(error) }
        }
        let now = done.withLock {
          $0 += part.compressedSize
          return $0
        }
        self.progress?(now, total)
      }
      try source.checkInterrupt()
    }
    while group.wait(timeout: .now() + 0.1) == .timedOut { try source.checkInterrupt() }
    try source.checkInterrupt()
    let errors = found.withLock { $0 }
    // A failure of the store says nothing of the replica.
    if let error = errors.first(where: { !($0 is FormatError) }) { throw error }
    let right = sums.withLock { $0 }
    let faults = errors.compactMap { $0 as? FormatError }
    guard faults.isEmpty, right.values.reduce(Hash128.zero, ^) != manifest.state.checksum else {
      return (faults, right)
    }
    let name = ReplicaLayout.base(manifest.generation, transaction: manifest.transaction)
    return ([FormatError(name, "the checksum of the database does not match its pages")], right)
  }

  /// Brings one part into the file, and returns the combined hashes of its pages.
  private func take(_ part: BaseManifest.Part) throws -> Hash128 {
    if file == nil, let sum = known[part] { return sum }
    let pageSize = manifest.state.pageSize
    let at = Int(part.firstPage - 1) * pageSize
    let size = Int(part.pageCount) * pageSize
    if let file, try file.size() >= at + size {
      let kept = try file.read(at: at, count: size)
      if hex(sha256(kept)) == part.digest { return checksum(of: part, kept) }
    }
    let name = ReplicaLayout.part(part.digest)
    let pages = try source.read(name) { try Self.pages(of: part, size: size, $0, name) }
    if !source.isStopped { try file?.write(pages, at: at) }
    return checksum(of: part, pages)
  }

  private func checksum(of part: BaseManifest.Part, _ pages: [UInt8]) -> Hash128 {
    let size = manifest.state.pageSize
    var sum = Hash128.zero
    for index in 0..<Int(part.pageCount) {
      sum ^= PageHash.of(part.firstPage + UInt32(index), pages, at: index * size, pageSize: size)
    }
    return sum
  }

  private static func pages(
    of part: BaseManifest.Part, size: Int, _ bytes: [UInt8], _ name: String
  ) throws -> [UInt8] {
    guard bytes.count == part.compressedSize else {
      throw FormatError(name, "it has \(bytes.count) bytes, the base's manifest says \(part.compressedSize)")
    }
    let pages: [UInt8]
    do throws(CompressionError) {
      pages = try Zstandard.decompress(bytes, 0..<bytes.count, limit: size)
    } catch {
      throw FormatError(name, error.cause)
    }
    guard pages.count == size, hex(sha256(pages)) == part.digest else {
      throw FormatError(name, "its content is damaged")
    }
    return pages
  }
}
