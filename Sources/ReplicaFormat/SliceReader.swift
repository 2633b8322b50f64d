internal import Bytes
package import WALFormat

/// Reads a checked object of slices; `next` returns the verbatim frames one by one.
///
/// A merged object has several sections, each like a slice. They are read as one. Belongs to one
/// thread at a time.
package final class SliceReader {
  /// The header of the whole object: it begins like its first section, and counts the frames and
  /// commits of all.
  package let header: SliceHeader
  /// The commits, with `frames` counted from the beginning of the object.
  package let commits: [SliceCommit]
  /// The position of the last frame in the log.
  package let endPosition: WALPosition
  let object: String
  let bytes: [UInt8]
  let sections: [SliceSection]

  /// Frames returned so far.
  package private(set) var frameIndex = 0
  private var commitIndex = 0
  /// The current section, the frames returned from it, and the rest of it.
  private var section = 0
  private var sectionFrame = 0
  private var pages: SlicePages
  private var checksum: WALChecksum
  /// Whether `checksum` is known.
  ///
  /// It is not, in a section with skipped frames.
  private var isChecksumKnown = true
  private var frameBytes: [UInt8]

  /// Throws an error with `isMissing` if the bytes are a turn.
  ///
  /// Then the slice of that name was deleted since it was listed, and a session that had read the
  /// chain before has left its first entry there.
  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    guard !TurnRecord.begins(bytes) else {
      throw FormatError(object, "a turn has taken its place", isMissing: true)
    }
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

  /// Returns the end of a commit in the log: the salts of its epoch, and its last frame.
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

  /// The page number of the next frame; nil after the last.
  package var nextPage: UInt32? {
    frameIndex < header.frameCount ? sections[section].tables.pages[sectionFrame] : nil
  }

  /// Whether the next frame is stored as the difference from the page's image before.
  package var nextNeedsBase: Bool { sections[section].tables.kinds[sectionFrame].needsBase }

  /// Returns the next frame as it is in the log: 24 bytes of header and the page.
  ///
  /// It calls `base` if `nextNeedsBase` is true. After the last frame, SQLite's own sums must equal
  /// those of the slice; otherwise the slice is damaged, or was applied to the wrong database.
  package func next(base: (bytes: [UInt8], index: Int)?) throws(FormatError) -> [UInt8] {
    guard let page = nextPage, page != 0 else { throw FormatError(object, "a frame without a page number") }
    let needsBase = nextNeedsBase
    let of = sections[section].header
    guard !needsBase || base != nil else {
      throw FormatError(object, "needs page \(page), which nothing before it holds")
    }
    try pages.next(into: &frameBytes, at: WALFrame.headerSize, base: base)
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
      guard checksum == of.end || !isChecksumKnown else {
        throw FormatError(object, "the frames do not continue the log before them")
      }
      try beginNextSection()
    }
    return frameBytes
  }

  private func beginNextSection() throws(FormatError) {
    guard section + 1 < sections.count else { return }
    section += 1
    sectionFrame = 0
    pages = try sections[section].pages(of: bytes, object: object)
    checksum = sections[section].header.start
    isChecksumKnown = true
  }

  /// Skips the first commits, which are applied already.
  ///
  /// `checksum` is SQLite's sum after them. If it is nil, the sums of the rest of their section
  /// prove nothing.
  package func skip(commits count: Int, checksum: WALChecksum?) throws(FormatError) {
    guard count > 0, count < commits.count, frameIndex == 0 else {
      throw FormatError(object, "it does not hold what follows")
    }
    var page = [UInt8](repeating: 0, count: header.walHeader.pageSize)
    while frameIndex < commits[count - 1].frames {
      try pages.skip(scratch: &page)
      frameIndex += 1
      sectionFrame += 1
      if sectionFrame == sections[section].header.frameCount { try beginNextSection() }
    }
    commitIndex = count
    guard sectionFrame > 0 else { return }
    self.checksum = checksum ?? .zero
    isChecksumKnown = checksum != nil
  }
}
