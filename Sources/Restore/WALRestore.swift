import Compression
import Digest
import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Builds a database from a base and the slices after it.
struct WALRestore {
  let catalog: ReplicaCatalog
  let plan: RestorePlan
  let target: RestoreTarget
  /// Told how many bytes of how many are done.
  let progress: (@Sendable (_ done: Int, _ total: Int) -> Void)?

  /// Writes the database into an empty file and proves that it is what was mirrored.
  func build(in file: File) throws -> SliceApplier.Outcome {
    try writeBase(to: file)
    let applier = SliceApplier(base: plan.manifest, file: file)
    let fetcher = ObjectFetcher(catalog, plan.slices.map { ReplicaLayout.slice(plan.generation, $0) })
    while let (name, bytes) = try fetcher.take() {
      let slice = try SliceReader(bytes, object: name)
      if let time = target.time, slice.header.part == 1, slice.header.parts > 1,
        try commitTime(ofPartsOf: slice.header.name) > time
      {
        break
      }
      guard try applier.apply(slice, object: name, upTo: plan.transaction, time: target.time) else { break }
    }
    return try applier.finish()
  }

  /// Time of the one transaction that a slice of several parts holds: the last part has it.
  private func commitTime(ofPartsOf name: SliceName) throws -> Int64 {
    let last = SliceName(name.transactions, part: name.parts, parts: name.parts)
    let key = ReplicaLayout.slice(plan.generation, last)
    return try retrying { try SliceReader(catalog.read(key), object: key) }.commits.last?.time ?? 0
  }

  /// Fetches the parts of the base, several at once, and writes each where it belongs.
  private func writeBase(to file: File) throws {
    let manifest = plan.manifest
    let pageSize = manifest.state.pageSize
    let total = manifest.parts.reduce(0) { $0 + $1.compressedSize }
    let done = Mutex(0)
    let failure = Mutex<(any Error)?>(nil)
    let pool = TransferPool("restore.base", threads: 6)
    let group = DispatchGroup()
    for part in manifest.parts {
      guard failure.withLock({ $0 == nil }) else { break }
      pool.run(in: group) {
        do {
          let pages = try retrying { try self.pages(of: part, pageSize: pageSize) }
          try file.write(pages, at: Int(part.firstPage - 1) * pageSize)
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
        let now = done.withLock {
          $0 += part.compressedSize
          return $0
        }
        self.progress?(now, total)
      }
    }
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func pages(of part: BaseManifest.Part, pageSize: Int) throws -> [UInt8] {
    let name = ReplicaLayout.part(part.digest)
    let bytes = try catalog.read(name)
    let size = Int(part.pageCount) * pageSize
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
