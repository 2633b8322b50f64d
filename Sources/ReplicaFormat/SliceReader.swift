internal import Bytes
internal import Compression
internal import WALFormat

/// An object of a slice, checked; `next` gives the verbatim frames back one by one.
///
/// Belongs to one thread at a time.
package final class SliceReader {
  package let header: SliceHeader
  package let commits: [SliceCommit]
  private let object: String
  private let tables: [UInt8]
  private let pages: ZstandardReader

  /// Frames given out so far.
  package private(set) var frameIndex = 0
  private var commitIndex = 0
  private var checksum: WALChecksum
  private var frameBytes: [UInt8]

  /// Longest tables that are believed.
  private static let limit = 1 << 30

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let header = try SliceHeader(bytes, object: object)
    let size = SliceHeader.size + header.pagesSize + header.tablesSize
    guard header.pagesSize >= 0, header.tablesSize >= 0, header.pagesSize <= bytes.count,
      header.tablesSize <= bytes.count, bytes.count == size + 16
    else { throw FormatError(object, "cut short") }
    let hash = Hash128(bytes, SliceHeader.size..<size)
    guard bytes.littleEndian(at: size) == hash.low, bytes.littleEndian(at: size + 8) == hash.high else {
      throw FormatError(object, "its content is damaged")
    }
    let pagesEnd = SliceHeader.size + header.pagesSize
    let expected = header.frameCount * 5 + header.commitCount * SliceCommit.size
    guard expected <= Self.limit else { throw FormatError(object, "its tables are too long to be believed") }
    do throws(CompressionError) {
      tables = try Zstandard.decompress(bytes, pagesEnd..<size, limit: expected)
      pages = try ZstandardReader(bytes, SliceHeader.size..<pagesEnd)
    } catch {
      throw FormatError(object, error.cause)
    }
    guard tables.count == expected else { throw FormatError(object, "its tables are cut short") }
    self.header = header
    self.object = object
    commits = try Self.commits(tables, header, object: object)
    checksum = header.start
    frameBytes = [UInt8](repeating: 0, count: header.walHeader.frameSize)
  }

  private static func commits(
    _ tables: [UInt8], _ header: SliceHeader, object: String
  ) throws(FormatError) -> [SliceCommit] {
    let count = header.commitCount
    let at = header.frameCount * 5
    var commits: [SliceCommit] = []
    for number in 0..<count {
      let frames = Int(tables.littleEndian(at: at + number * 4) as UInt32)
      guard frames > commits.last?.frames ?? 0, frames <= header.frameCount else {
        throw FormatError(object, "its commits are out of order")
      }
      let hash = at + count * 16 + number * 16
      commits.append(
        SliceCommit(
          frames: frames, time: tables.littleEndian(at: at + count * 8 + number * 8),
          state: DatabaseState(
            pageSize: header.walHeader.pageSize, pages: tables.littleEndian(at: at + count * 4 + number * 4),
            checksum: Hash128(high: tables.littleEndian(at: hash + 8), low: tables.littleEndian(at: hash)))))
    }
    return commits
  }

  /// Number of the page that the next frame holds; nil after the last.
  package var nextPage: UInt32? {
    frameIndex < header.frameCount ? tables.littleEndian(at: frameIndex * 4) : nil
  }

  /// Whether the next frame is stored as its difference from the page's image before it.
  package var nextNeedsBase: Bool {
    tables[header.frameCount * 4 + frameIndex] == SliceBuilder.Encoding.delta.rawValue
  }

  /// The next frame as it stood in the log: 24 bytes of header and the page.
  ///
  /// `base` is asked for where `nextNeedsBase`. After the last frame SQLite's own sums must have come out as the
  /// slice says, or it is damaged or was applied to the wrong database.
  package func next(base: (bytes: [UInt8], index: Int)?) throws(FormatError) -> [UInt8] {
    guard let page = nextPage, page != 0 else { throw FormatError(object, "a frame without a page number") }
    let size = header.walHeader.pageSize
    do throws(CompressionError) {
      try pages.read(into: &frameBytes, at: WALFrame.headerSize, count: size)
    } catch {
      throw FormatError(object, error.cause)
    }
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
