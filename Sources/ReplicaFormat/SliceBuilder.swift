internal import Bytes
internal import Compression
package import WALFormat

/// Collects frames and commits, and makes the bytes of a slice of them.
package struct SliceBuilder: Sendable {
  package let walHeader: WALHeader
  package let generation: GenerationID
  package let firstTransaction: UInt64
  package let firstFrame: Int
  package let start: WALChecksum
  package let previous: DatabaseState
  package private(set) var commits: [SliceCommit] = []
  private var frames: [UInt8] = []
  private var encodings: [UInt8] = []
  private var pages: [UInt8] = []
  private var end: WALChecksum

  package var frameCount: Int { encodings.count }
  /// Bytes of pages collected so far.
  package var byteCount: Int { pages.count }
  package var lastTransaction: UInt64 { firstTransaction + UInt64(commits.count) - 1 }

  /// How the page of a frame is stored.
  enum Encoding: UInt8 { case full = 0, delta = 1 }

  package init(
    walHeader: WALHeader, generation: GenerationID, firstTransaction: UInt64, start: WALPosition,
    previous: DatabaseState
  ) {
    self.walHeader = walHeader
    self.generation = generation
    self.firstTransaction = firstTransaction
    firstFrame = start.frame + 1
    self.start = start.checksum
    end = start.checksum
    self.previous = previous
  }

  /// Adds the frame whose page stands at `index` of `bytes`; with `base`, as its difference from that image.
  package mutating func add(
    _ frame: WALFrame, page bytes: [UInt8], at index: Int, base: (bytes: [UInt8], index: Int)?
  ) {
    frames.appendLittleEndian(frame.page)
    let size = walHeader.pageSize
    let at = pages.count
    pages += bytes[index..<index + size]
    encodings.append((base == nil ? Encoding.full : .delta).rawValue)
    if let base { Kernels.xor(into: &pages, at: at, from: base.bytes, at: base.index, count: size) }
  }

  /// Ends a transaction with the frame added last.
  package mutating func endCommit(time: Int64, state: DatabaseState, checksum: WALChecksum) {
    commits.append(SliceCommit(frames: frameCount, time: time, state: state))
    end = checksum
  }

  /// Ends this part of a transaction that goes on in the next part.
  package mutating func endPart(checksum: WALChecksum) { end = checksum }

  /// The object: header, compressed payload, hash of the compressed payload.
  ///
  /// `transactions` is needed for parts, which need not hold a commit.
  package func seal(
    transactions: ClosedRange<UInt64>? = nil, part: Int = 1, parts: Int = 1, acknowledged: UInt64,
    created: Int64
  ) -> (name: SliceName, bytes: [UInt8]) {
    var payload: [UInt8] = []
    payload.reserveCapacity(frames.count + encodings.count + commits.count * SliceCommit.size + pages.count)
    payload += frames
    payload += encodings
    for commit in commits {
      payload.appendLittleEndian(UInt32(commit.frames))
      payload.appendLittleEndian(commit.state.pages)
      payload.appendLittleEndian(commit.time)
      payload.appendLittleEndian(commit.state.checksum.low)
      payload.appendLittleEndian(commit.state.checksum.high)
    }
    payload += pages
    let compressed = Zstandard.compress(payload, level: payload.count > 1 << 20 ? 1 : 3)
    var header = SliceHeader(
      generation: generation, transactions: transactions ?? firstTransaction...lastTransaction, part: part,
      parts: parts, walHeader: walHeader, firstFrame: firstFrame, frameCount: frameCount,
      commitCount: commits.count, start: start, end: end, previous: previous, acknowledged: acknowledged,
      created: created, payloadSize: payload.count)
    header.compressedSize = compressed.count
    var object = header.bytes
    object.reserveCapacity(object.count + compressed.count + 16)
    object += compressed
    let hash = Hash128(compressed, 0..<compressed.count)
    object.appendLittleEndian(hash.low)
    object.appendLittleEndian(hash.high)
    return (header.name, object)
  }
}
