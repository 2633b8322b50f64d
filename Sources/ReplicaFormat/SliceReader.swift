internal import Bytes
internal import Compression
internal import WALFormat

/// An object of a slice, checked and decompressed; `next` gives the verbatim pages back one by one.
package struct SliceReader: Sendable {
  package let header: SliceHeader
  package let commits: [SliceCommit]
  private let object: String
  private var payload: [UInt8]
  private let encodingsAt: Int
  private let pagesAt: Int

  /// Frames given out so far.
  package private(set) var frameIndex = 0
  private var commitIndex = 0
  private var checksum: WALChecksum
  private var frameBytes: [UInt8]

  /// Largest payload that is believed: 64 MiB of pages and their tables.
  static let payloadLimit = 80 << 20

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let header = try SliceHeader(bytes, object: object)
    guard header.compressedSize >= 0, bytes.count == SliceHeader.size + header.compressedSize + 16 else {
      throw FormatError(object, "cut short")
    }
    let compressed = SliceHeader.size..<SliceHeader.size + header.compressedSize
    let hash = Hash128(bytes, compressed)
    guard bytes.littleEndian(at: compressed.upperBound) == hash.low,
      bytes.littleEndian(at: compressed.upperBound + 8) == hash.high
    else { throw FormatError(object, "its content is damaged") }
    let pageSize = header.walHeader.pageSize
    let expected =
      header.frameCount * (5 + pageSize) + header.commitCount * SliceCommit.size
    guard header.payloadSize == expected, expected <= Self.payloadLimit else {
      throw FormatError(object, "its header does not fit its content")
    }
    do throws(CompressionError) {
      payload = try Zstandard.decompress(bytes, compressed, limit: expected)
    } catch {
      throw FormatError(object, error.cause)
    }
    guard payload.count == expected else { throw FormatError(object, "its content is cut short") }
    self.header = header
    self.object = object
    encodingsAt = header.frameCount * 4
    let commitsAt = encodingsAt + header.frameCount
    pagesAt = commitsAt + header.commitCount * SliceCommit.size
    var commits: [SliceCommit] = []
    for number in 0..<header.commitCount {
      let at = commitsAt + number * SliceCommit.size
      let frames = Int(payload.littleEndian(at: at) as UInt32)
      guard frames > commits.last?.frames ?? 0, frames <= header.frameCount else {
        throw FormatError(object, "its commits are out of order")
      }
      commits.append(
        SliceCommit(
          frames: frames, time: payload.littleEndian(at: at + 8),
          state: DatabaseState(
            pageSize: pageSize, pages: payload.littleEndian(at: at + 4),
            checksum: Hash128(
              high: payload.littleEndian(at: at + 24), low: payload.littleEndian(at: at + 16)))))
    }
    self.commits = commits
    checksum = header.start
    frameBytes = [UInt8](repeating: 0, count: header.walHeader.frameSize)
  }

  /// Number of the page that the next frame holds; nil after the last.
  package var nextPage: UInt32? {
    frameIndex < header.frameCount ? payload.littleEndian(at: frameIndex * 4) : nil
  }

  /// Whether the next frame is stored as its difference from the page's image before it.
  package var nextNeedsBase: Bool {
    payload[encodingsAt + frameIndex] == SliceBuilder.Encoding.delta.rawValue
  }

  /// The next frame as it stood in the log: 24 bytes of header and the page.
  ///
  /// `base` is asked for where `nextNeedsBase`. After the last frame SQLite's own sums must have come out as the
  /// slice says, or it is damaged or was applied to the wrong database.
  package mutating func next(base: (bytes: [UInt8], index: Int)?) throws(FormatError) -> [UInt8] {
    guard let page = nextPage, page != 0 else { throw FormatError(object, "a frame without a page number") }
    let size = header.walHeader.pageSize
    Kernels.copy(
      into: &frameBytes, at: WALFrame.headerSize, from: payload, at: pagesAt + frameIndex * size, count: size)
    if nextNeedsBase {
      guard let base else { throw FormatError(object, "needs page \(page), which nothing before it holds") }
      Kernels.xor(into: &frameBytes, at: WALFrame.headerSize, from: base.bytes, at: base.index, count: size)
    }
    frameIndex += 1
    var databaseSize: UInt32 = 0
    if commitIndex < commits.count, commits[commitIndex].frames == frameIndex {
      databaseSize = commits[commitIndex].state.pages
      commitIndex += 1
    }
    WALFrame(page: page, databaseSize: databaseSize)
      .write(at: 0, in: &frameBytes, of: header.walHeader, continuing: &checksum)
    if frameIndex == header.frameCount, checksum != header.end {
      throw FormatError(object, "the frames do not continue the log before them")
    }
    return frameBytes
  }
}
