import Bytes
import Compression
import Digest
import Dispatch
import Files
import ObjectStore
import ReplicaFormat
import Synchronization

/// Fetches the parts of a base, several at once, and writes each to its position.
struct BaseWriter {
  private let source: ObjectSource
  private let manifest: BaseManifest
  private let file: File?
  private let known: [BaseManifest.Part: Hash128]
  /// Learns what the parts hold, for the check of maps.
  private let contents: PartContents?

  /// Without a `file` the parts are only checked.
  ///
  /// `known` are parts that were found right before, with the combined hashes of their pages; they
  /// count.
  init(
    source: ObjectSource, manifest: BaseManifest, file: File?, known: [BaseManifest.Part: Hash128] = [:],
    contents: PartContents? = nil
  ) {
    self.source = source
    self.manifest = manifest
    self.file = file
    self.known = known
    self.contents = contents
  }

  /// The maximum bytes of compressed parts in memory.
  private static let window = 64 << 20
  /// Bytes of pages that are decompressed at once, a multiple of every page size.
  private static let piece = 256 << 10
  /// Parts that are decompressed at once.
  ///
  /// The system lets one thread at a time write to a file, and threads that wait for it take
  /// processor time.
  private let buffers = BufferPool(count: 3)

  private var name: String {
    manifest.key
  }

  /// Fetches all parts that the file does not hold already.
  ///
  /// Throws the error of the first wrong part. The checksum of the database proves all pages at
  /// once, and costs a fraction of the parts' SHA-256. The SHA-256 is computed only if the checksum
  /// is wrong, to find the part, which is then fetched once more.
  func write() throws {
    guard let first = try check(stopAtFirst: true, names: false).faults.first else { return }
    guard first.object == name else { throw first }
    if let error = try check(stopAtFirst: true, isAgain: true).faults.first { throw error }
  }

  /// Returns the error of each wrong part, and the hashes of the right ones.
  ///
  /// If all are right, the pages have the checksum of the manifest. With `names`, each part is also
  /// compared with the hash in its name.
  func check(
    stopAtFirst: Bool, names: Bool = true, isAgain: Bool = false
  ) throws -> (faults: [FormatError], known: [BaseManifest.Part: Hash128]) {
    let pageSize = manifest.state.pageSize
    let found = Mutex<[any Error]>([])
    let sums = Mutex<[BaseManifest.Part: Hash128]>([:])
    // If the database grows again, nothing of an earlier run may show past the end.
    let end = Int(manifest.state.pages) * pageSize
    if let file, try file.size() > end { try file.truncate(to: end) }
    let kept = try file?.size() ?? 0
    let largest = manifest.parts.map(\.compressedSize).max() ?? 1
    let pool = TransferPool("restore.base", threads: min(max(Self.window / max(largest, 1), 1), 8))
    let group = DispatchGroup()
    for part in manifest.parts {
      guard !stopAtFirst || found.withLock({ $0.isEmpty }), !source.isStopped else { break }
      pool.run(in: group) {
        do {
          let sum = try self.take(part, kept: kept, names: names, isAgain: isAgain)
          sums.withLock { $0[part] = sum }
        } catch {
          found.withLock { $0.append(error) }
        }
      }
      try source.checkInterrupt()
    }
    let done = Semaphore()
    group.notify(queue: .global()) { done.signal() }
    while !done.wait(seconds: 0.1) { try source.checkInterrupt() }
    try source.checkInterrupt()
    let errors = found.withLock { $0 }
    // A failure of the store proves nothing about the replica.
    if let error = errors.first(where: { !($0 is FormatError) }) { throw error }
    let right = sums.withLock { $0 }
    let faults = errors.compactMap { $0 as? FormatError }
    guard faults.isEmpty, right.values.reduce(Hash128.zero, ^) != manifest.state.checksum else {
      return (faults, right)
    }
    return ([FormatError(name, "the checksum of the database does not match its pages")], right)
  }

  /// Writes one part into the file, and returns the combined hashes of its pages.
  ///
  /// `kept` is the length of the file after an earlier run.
  private func take(_ part: BaseManifest.Part, kept: Int, names: Bool, isAgain: Bool) throws -> Hash128 {
    if file == nil, let sum = known[part] {
      source.noteKept(part.compressedSize)
      return sum
    }
    let at = Int(part.firstPage - 1) * manifest.state.pageSize
    let size = Int(part.pageCount) * manifest.state.pageSize
    if let file, kept >= at + size {
      var found = PartHash(part, pageSize: manifest.state.pageSize)
      for start in stride(from: 0, to: size, by: Self.piece) {
        let pages = try file.read(at: at + start, count: min(Self.piece, size - start))
        found.add(pages, count: pages.count)
      }
      if manifest.naming.digest(sha256: found.digest()) == part.digest {
        if !isAgain { source.noteKept(part.compressedSize) }
        return found.checksum
      }
    }
    let name = ReplicaLayout.part(part.digest)
    return try source.read(name, told: part.compressedSize) {
      try unpack($0, part, to: at, size: size, name, isNamed: names)
    }
  }

  /// Writes the pages while they are decompressed.
  ///
  /// If they are wrong, the file is not used.
  private func unpack(
    _ bytes: [UInt8], _ part: BaseManifest.Part, to at: Int, size: Int, _ name: String, isNamed: Bool
  ) throws -> Hash128 {
    guard bytes.count == part.compressedSize else {
      throw FormatError(name, "it has \(bytes.count) bytes, the base's manifest says \(part.compressedSize)")
    }
    var found = PartHash(part, pageSize: manifest.state.pageSize, isNamed: isNamed)
    var content = contents.map { _ in
      PartContentsBuilder(bytes, first: part.firstPage, pageSize: manifest.state.pageSize)
    }
    let buffer = buffers.take()
    defer { buffers.giveBack(buffer) }
    do {
      let reader = try ZstandardReader(bytes, 0..<bytes.count)
      try buffer.bytes.withLock { pages in
        if pages.isEmpty { pages = [UInt8](repeating: 0, count: Self.piece) }
        for start in stride(from: 0, to: size, by: Self.piece) {
          let count = min(Self.piece, size - start)
          try reader.read(into: &pages, at: 0, count: count)
          found.add(pages, count: count)
          content?.add(pages, count: count)
          if !source.isStopped { try file?.write(pages[..<count], at: at + start) }
        }
      }
      // Otherwise all of it would wait for the end.
      file?.beginWriting(at: at, count: size)
    } catch let error as CompressionError {
      throw FormatError(name, error.cause)
    }
    guard !isNamed || manifest.naming.digest(sha256: found.digest()) == part.digest else {
      throw FormatError(name, "its content is damaged")
    }
    if let content { contents?.note(content.contents, part.digest) }
    return found.checksum
  }
}

/// Computes the hashes of a part's pages, piece by piece.
private struct PartHash {
  private var sha = SHA256()
  private var page: UInt32
  private let pageSize: Int
  private let isNamed: Bool
  private(set) var checksum = Hash128.zero

  /// Without `isNamed` only the checksum is computed.
  init(_ part: BaseManifest.Part, pageSize: Int, isNamed: Bool = true) {
    page = part.firstPage
    self.pageSize = pageSize
    self.isNamed = isNamed
  }

  /// Adds the first bytes of an array, which are whole pages.
  mutating func add(_ pages: [UInt8], count: Int) {
    if isNamed { sha.update(pages[..<count]) }
    for at in stride(from: 0, to: count - pageSize + 1, by: pageSize) {
      checksum ^= PageHash.of(page, pages, at: at, pageSize: pageSize)
      page += 1
    }
  }

  /// Returns the SHA-256 of all of them.
  mutating func digest() -> [UInt8] { sha.finish() }
}
