internal import Bytes
internal import Compression
package import WALFormat

/// An object of a slice, checked; `next` gives the verbatim frames back one by one.
///
/// A merged object holds several sections, each made like a slice, one after the other; they are read as one. Belongs
/// to one thread at a time.
package final class SliceReader {
  /// Of the whole object: begins as its first section does, and counts the frames and commits of all.
  package let header: SliceHeader
  /// With `frames` counted from the beginning of the object.
  package let commits: [SliceCommit]
  /// Where in the log the last frame stands.
  package let endPosition: WALPosition
  private let object: String
  private let bytes: [UInt8]
  private let sections: [SliceSection]

  /// Frames given out so far.
  package private(set) var frameIndex = 0
  private var commitIndex = 0
  /// The section under way, frames given out of it, and what is left of it.
  private var section = 0
  private var sectionFrame = 0
  private var pages: ZstandardReader
  private var checksum: WALChecksum
  private var frameBytes: [UInt8]

  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    var sections: [SliceSection] = []
    var commits: [SliceCommit] = []
    var at = 0
    var header: SliceHeader?
    repeat {
      let section = try SliceSection(bytes, at: at, object: object)
      if let last = sections.last { try section.check(after: last, object: object) }
      let framesBefore = header?.frameCount ?? 0
      commits += section.commits.map { $0.shifted(by: framesBefore) }
      if var whole = header {
        whole.transactions = whole.transactions.lowerBound...section.header.transactions.upperBound
        whole.frameCount += section.header.frameCount
        whole.commitCount += section.header.commitCount
        header = whole
      } else {
        header = section.header
      }
      at = section.end
      sections.append(section)
    } while at < bytes.count
    guard let header, let first = sections.first, let last = sections.last else {
      throw FormatError(object, "cut short")
    }
    self.header = header
    self.commits = commits
    self.object = object
    self.bytes = bytes
    self.sections = sections
    endPosition = last.header.endPosition
    pages = try first.pages(of: bytes, object: object)
    checksum = header.start
    frameBytes = [UInt8](repeating: 0, count: header.walHeader.frameSize)
  }

  /// Where in the log a commit ends: the salts of its epoch, and its last frame.
  package func end(ofCommit index: Int) -> (salt: WALSalt, frame: Int) {
    var before = 0
    for section in sections {
      let count = section.header.frameCount
      if commits[index].frames <= before + count {
        return (section.header.walHeader.salt, section.header.firstFrame + commits[index].frames - before - 1)
      }
      before += count
    }
    return (endPosition.salt, endPosition.frame)
  }

  /// Number of the page that the next frame holds; nil after the last.
  package var nextPage: UInt32? {
    frameIndex < header.frameCount ? sections[section].page(ofFrame: sectionFrame) : nil
  }

  /// Whether the next frame is stored as its difference from the page's image before it.
  package var nextNeedsBase: Bool { sections[section].isDelta(frame: sectionFrame) }

  /// The next frame as it stood in the log: 24 bytes of header and the page.
  ///
  /// `base` is asked for where `nextNeedsBase`. After the last frame SQLite's own sums must have come out as the
  /// slice says, or it is damaged or was applied to the wrong database.
  package func next(base: (bytes: [UInt8], index: Int)?) throws(FormatError) -> [UInt8] {
    guard let page = nextPage, page != 0 else { throw FormatError(object, "a frame without a page number") }
    let needsBase = nextNeedsBase
    let of = sections[section].header
    let size = of.walHeader.pageSize
    try readPage()
    if needsBase {
      guard let base else { throw FormatError(object, "needs page \(page), which nothing before it holds") }
      Kernels.xor(into: &frameBytes, at: WALFrame.headerSize, from: base.bytes, at: base.index, count: size)
    }
    frameIndex += 1
    sectionFrame += 1
    var databaseSize: UInt32 = 0
    if commitIndex < commits.count, commits[commitIndex].frames == frameIndex {
      databaseSize = commits[commitIndex].state.pages
      commitIndex += 1
    }
    WALFrame(page: page, databaseSize: databaseSize)
      .write(at: 0, in: &frameBytes, of: of.walHeader, continuing: &checksum)
    if sectionFrame == of.frameCount {
      guard checksum == of.end else {
        throw FormatError(object, "the frames do not continue the log before them")
      }
      try beginNextSection()
    }
    return frameBytes
  }

  /// Adds the next frame to another slice as it is stored here.
  func copyNext(to builder: SliceBuilder) throws(FormatError) {
    guard let page = nextPage else { throw FormatError(object, "cut short") }
    let isDelta = nextNeedsBase
    try readPage()
    frameIndex += 1
    sectionFrame += 1
    builder.addStored(page, frameBytes, at: WALFrame.headerSize, isDelta: isDelta)
    if sectionFrame == sections[section].header.frameCount { try beginNextSection() }
  }

  /// Header of each section.
  var sectionHeaders: [SliceHeader] { sections.map(\.header) }

  private func readPage() throws(FormatError) {
    do throws(CompressionError) {
      try pages.read(into: &frameBytes, at: WALFrame.headerSize, count: header.walHeader.pageSize)
    } catch {
      throw FormatError(object, error.cause)
    }
  }

  private func beginNextSection() throws(FormatError) {
    guard section + 1 < sections.count else { return }
    section += 1
    sectionFrame = 0
    pages = try sections[section].pages(of: bytes, object: object)
    checksum = sections[section].header.start
  }
}

/// One slice within an object.
struct SliceSection {
  let header: SliceHeader
  let commits: [SliceCommit]
  /// Where the next section begins.
  let end: Int
  private let start: Int
  private let tables: [UInt8]

  init(_ bytes: [UInt8], at start: Int, object: String) throws(FormatError) {
    let header = try SliceHeader(bytes, at: start, object: object)
    let left = bytes.count - start - SliceHeader.size - 16
    guard header.pagesSize >= 0, header.tablesSize >= 0, left >= 0, header.pagesSize <= left,
      header.tablesSize <= left - header.pagesSize
    else { throw FormatError(object, "cut short") }
    let contentStart = start + SliceHeader.size
    let pagesEnd = contentStart + header.pagesSize
    let contentEnd = pagesEnd + header.tablesSize
    let hash = Hash128(bytes, contentStart..<contentEnd)
    guard bytes.littleEndian(at: contentEnd) == hash.low, bytes.littleEndian(at: contentEnd + 8) == hash.high
    else {
      throw FormatError(object, "its content is damaged")
    }
    let expected = header.frameCount * 5 + header.commitCount * SliceCommit.size
    do throws(CompressionError) {
      tables = try Zstandard.decompress(bytes, pagesEnd..<contentEnd, limit: expected)
    } catch {
      throw FormatError(object, error.cause)
    }
    guard tables.count == expected else { throw FormatError(object, "its tables are cut short") }
    self.header = header
    self.start = start
    end = contentEnd + 16
    commits = try Self.commits(tables, header, object: object)
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

  /// Sections of an object follow each other as slices do.
  func check(after last: SliceSection, object: String) throws(FormatError) {
    let before = last.header
    let continues =
      header.walHeader.salt == before.walHeader.salt
      ? header.firstFrame == before.endPosition.frame + 1 && header.start == before.end
      : header.firstFrame == 1
    guard continues, header.generation == before.generation,
      header.transactions.lowerBound == before.transactions.upperBound + 1, header.parts == 1,
      before.parts == 1, header.previous == last.commits.last?.state
    else { throw FormatError(object, "its sections do not follow one another") }
  }

  func page(ofFrame frame: Int) -> UInt32 { tables.littleEndian(at: frame * 4) }

  func isDelta(frame: Int) -> Bool {
    tables[header.frameCount * 4 + frame] == SliceBuilder.Encoding.delta.rawValue
  }

  func pages(of bytes: [UInt8], object: String) throws(FormatError) -> ZstandardReader {
    let start = start + SliceHeader.size
    do throws(CompressionError) {
      return try ZstandardReader(bytes, start..<start + header.pagesSize)
    } catch {
      throw FormatError(object, error.cause)
    }
  }
}
