internal import Bytes
internal import Compression
internal import WALFormat

/// One checked slice within an object.
struct SliceSection {
  let header: SliceHeader
  let tables: SliceTables
  /// The offset at which the next section begins.
  let end: Int
  /// The position of the streams, before their hash.
  let content: Range<Int>

  var commits: [SliceCommit] { tables.commits }

  init(_ bytes: [UInt8], at start: Int, object: String) throws(FormatError) {
    let header = try SliceHeader(bytes, at: start, object: object)
    let contentStart = start + header.size
    var contentEnd = contentStart
    for size in header.content.sizes {
      guard size >= 0, size <= bytes.count - contentEnd else { throw FormatError(object, "cut short") }
      contentEnd += size
    }
    guard contentEnd <= bytes.count - 16 else { throw FormatError(object, "cut short") }
    let hash = Hash128(bytes, contentStart..<contentEnd)
    guard bytes.littleEndian(at: contentEnd) == hash.low, bytes.littleEndian(at: contentEnd + 8) == hash.high
    else { throw FormatError(object, "its content is damaged") }
    tables = try Self.tables(bytes, header, contentStart, object: object)
    self.header = header
    content = contentStart..<contentEnd
    end = contentEnd + 16
  }

  /// The maximum bytes of tables: a mirror closes a slice at some megabytes.
  private static let mostTables = 64 << 20

  private static func tables(
    _ bytes: [UInt8], _ header: SliceHeader, _ start: Int, object: String
  ) throws(FormatError) -> SliceTables {
    let content = header.content
    let range = content.range(content.tables, from: start)
    let most = SliceTables.mostBytes(
      frames: header.frameCount, commits: header.commitCount, pageSize: header.walHeader.pageSize)
    guard content.tablesLength <= min(most, Self.mostTables) else {
      throw FormatError(object, "its tables are damaged")
    }
    let tables: [UInt8]
    if content.isCompressed(content.tables) {
      do throws(CompressionError) {
        tables = try Zstandard.decompress(bytes, range, limit: content.tablesLength)
      } catch {
        throw FormatError(object, error.cause)
      }
    } else {
      tables = Array(bytes[range])
    }
    guard tables.count == content.tablesLength else { throw FormatError(object, "its tables are cut short") }
    return try SliceTables(tables, header, object: object)
  }

  /// Sections of an object follow each other like slices.
  func check(after last: SliceSection, object: String) throws(FormatError) {
    let before = last.header
    let continues =
      header.walHeader.salt == before.walHeader.salt
      ? header.firstFrame == before.endPosition.frame + 1 && header.start == before.end
      : header.firstFrame == 1
    guard continues, header.generation == before.generation, before.transactions.upperBound < .max,
      header.transactions.lowerBound == before.transactions.upperBound + 1, header.parts == 1,
      before.parts == 1, header.previous == last.commits.last?.state, header.entry == before.entry
    else { throw FormatError(object, "its sections do not follow one another") }
  }

  /// Its pages, from the first frame on.
  func pages(of bytes: [UInt8], object: String) throws(FormatError) -> SlicePages {
    try SlicePages(bytes, header, tables, at: content.lowerBound, object: object)
  }
}
