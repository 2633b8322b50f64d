import Bytes
import Compression
import Digest
import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Stores the pages of a snapshot as parts of a base.
///
/// A part is a compressed run of pages, and its name is a hash of its content.
struct PartUploader: Sendable {
  private let store: RetryingStore
  /// Bytes of pages in a part.
  private let partBytes: Int
  private let memory = BaseMapBuilder.Memory()

  init(_ store: RetryingStore, partBytes: Int) {
    self.store = store
    self.partBytes = partBytes
  }

  /// The naming of parts; if they are encrypted, only the holder of the key can match names to
  /// content.
  var naming: PartNaming { PartNaming(secret: store.store.encryption?.naming) }

  /// Returns a builder for the map of a base.
  func makeMap(pageSize: Int) -> BaseMapBuilder {
    BaseMapBuilder(store.store, pageSize: pageSize, memory: memory)
  }

  /// The state that the threads of one upload share.
  private final class Shared: Sendable {
    /// Listed after the first part was read, because the log grows until all parts are read.
    let known = Mutex<[String: Int]?>(nil)
    let parts = Mutex<[BaseManifest.Part]>([])
    let failure = Mutex<(any Error)?>(nil)
    // A part is read in a tenth of the time that its compression takes. Together, the pools hold five
    // parts in memory: 80 MiB of data that does not compress.
    let buffers = BufferPool(count: 2)
    let frames = BufferPool(count: 3)

    var hasFailed: Bool { failure.withLock { $0 != nil } }

    func attempt(_ work: () throws -> Void) {
      do { try work() } catch { failure.withLock { $0 = error } }
    }
  }

  /// Reads runs of pages in order, compresses two at once, and uploads up to four at once.
  ///
  /// Returns nil if the mirror was stopped. Calls `whenRead` when all pages are read, because the
  /// log grows until then. Throws `.hole` if the pages do not have the checksum of the database.
  func upload(
    _ snapshot: Snapshot, proving database: DatabaseState, _ map: BaseMapBuilder, whenRead: () -> Void
  ) throws -> [BaseManifest.Part]? {
    var checksum = Hash128.zero
    let shared = Shared()
    // Parts that wait for the store are compressed already, so they need little memory.
    let compressions = TransferPool("mirror.base.compress", threads: 2, isBackground: true)
    let uploads = TransferPool("mirror.base", threads: 4, isBackground: true)
    let group = DispatchGroup()
    for run in snapshot.runs(pages: max(partBytes / snapshot.pageSize, 1)) {
      guard !store.progress.isStopped, !shared.hasFailed else { break }
      let buffer = shared.buffers.take()
      try buffer.bytes.withLock { bytes in
        try snapshot.read(run.first, count: run.count, into: &bytes)
        for number in 0..<run.count {
          checksum ^= PageHash.of(
            run.first + UInt32(number), bytes, at: number * snapshot.pageSize, pageSize: snapshot.pageSize)
        }
        map.take(bytes, first: run.first, count: run.count)
      }
      compressions.run(in: group) {
        shared.attempt {
          let digest = buffer.bytes.withLock { naming.digest(sha256: sha256($0)) }
          @Sendable func note(_ size: Int) {
            let part = BaseManifest.Part(
              firstPage: run.first, pageCount: UInt32(run.count), digest: digest, compressedSize: size)
            shared.parts.withLock { $0.append(part) }
            store.progress.withLock { $0.baseBytesSent += run.count * snapshot.pageSize }
          }
          let knownSize = shared.known.withLock { known in
            let parts = known ?? knownParts()
            known = parts
            return parts[digest]
          }
          if let size = knownSize {
            shared.buffers.giveBack(buffer)
            map.note(known: digest)
            return note(size)
          }
          let frame = shared.frames.take()
          buffer.bytes.withLock { bytes in
            frame.bytes.withLock {
              // Readers can then read a page without the rest of the part.
              Zstandard.compress(bytes, level: 1, frameSize: BaseMap.frameBytes, into: &$0)
              map.note(digest, pages: bytes, frames: $0)
            }
          }
          shared.buffers.giveBack(buffer)
          uploads.run(in: group) {
            defer { shared.frames.giveBack(frame) }
            shared.attempt {
              let bytes = frame.bytes.withLock { $0 }
              let object = PendingUpload.Object(name: ReplicaLayout.part(digest), bytes: bytes)
              if try store.upload(object, .always) { note(object.bytes.count) }
            }
          }
        }
      }
    }
    whenRead()
    group.wait()
    if let error = shared.failure.withLock({ $0 }) { throw error }
    guard !store.progress.isStopped else { return nil }
    guard checksum == database.checksum else {
      throw MirrorError(.hole, "the database changed under its base; mirror it anew")
    }
    return shared.parts.withLock { $0.sorted { $0.firstPage < $1.firstPage } }
  }

  /// Returns the parts in the replica with their sizes.
  ///
  /// They need not be sent again, even if their base was never completed.
  private func knownParts() -> [String: Int] {
    guard let parts = try? store.store.listAll(prefix: ReplicaLayout.pages) else { return [:] }
    let encryption = store.store.encryption
    return Dictionary(
      parts.compactMap { object in
        // Parts of another key have other names, so they never match.
        let size = encryption.map { $0.contentSize(object.size) } ?? object.size
        // A store may have kept an empty object of an interrupted upload.
        guard let size, size > 0 else { return nil }
        return (String(object.key.name.dropFirst(ReplicaLayout.pages.utf8.count).dropLast(4)), size)
      }
    ) { first, _ in first }
  }
}
