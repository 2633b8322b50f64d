import Bytes
import ReplicaFormat
import TestSupport
import Testing
import WALFormat

/// Merged objects replace their entries in the log.
@Suite struct SliceMergeTests {
  private static let generation = GenerationID(sequence: 1, random: 2)
  private static let pageSize = 512

  /// Makes slices of one commit and one page each, as a log continues.
  private struct Log {
    var header: WALHeader
    var sums: WALChecksum
    var frame = 0
    var state = DatabaseState(pageSize: SliceMergeTests.pageSize, pages: 1, checksum: .zero)
    var transaction: UInt64 = 4
    var last = EntryID(100)
    var page = [UInt8](repeating: 7, count: SliceMergeTests.pageSize)
    var pages: [[UInt8]] = []

    init(salt: UInt32 = 1) throws {
      header = try Self.header(salt)
      sums = header.checksum
    }

    static func header(_ salt: UInt32) throws -> WALHeader {
      try #require(
        WALHeader(bigEndian: false, pageSizeExponent: 9, restarts: 0, salt: WALSalt(first: salt, second: 2)))
    }

    mutating func restart() throws {
      header = try Self.header(header.salt.first + 1)
      sums = header.checksum
      frame = 0
    }

    /// Returns the section of the next commit.
    mutating func section() -> SealedSlice {
      transaction += 1
      let builder = SliceBuilder(
        walHeader: header, generation: SliceMergeTests.generation, firstTransaction: transaction,
        start: WALPosition(salt: header.salt, frame: frame, checksum: sums), previous: state)
      let before = page
      page[Int(transaction) % page.count] ^= 0xff
      pages.append(page)
      let of = WALFrame(page: 1, databaseSize: 1)
      builder.add(of, page: page, at: 0, base: (before, 0))
      var bytes = [UInt8](repeating: 0, count: 24) + page
      of.write(at: 0, in: &bytes, of: header, continuing: &sums)
      frame += 1
      state.checksum = Hash128(high: 0, low: transaction)
      builder.endCommit(time: Int64(transaction), state: state, checksum: sums)
      return builder.close(created: 1)
    }

    /// Returns the next object, of this number of sections.
    mutating func object(sections: Int = 1, id: UInt64) throws -> (name: String, bytes: [UInt8]) {
      let previous = last
      last = EntryID(id)
      var all: [SealedSlice] = []
      for index in 0..<sections {
        if index > 0 { try restart() }
        all.append(section())
      }
      return (
        "object \(id)",
        SealedSlice.object(all, id: last, previous: previous, session: 9, stored: transaction - 1)
      )
    }
  }

  private func pages(of bytes: [UInt8]) throws -> [[UInt8]] {
    let reader = try SliceReader(bytes, object: "merged")
    var pages: [[UInt8]] = []
    var page = [UInt8](repeating: 7, count: Self.pageSize)
    while reader.nextPage != nil {
      page = Array(try reader.next(base: (page, 0))[24...])
      pages.append(page)
    }
    return pages
  }

  @Test func carriesTheLastEntryAndTheFirstPredecessor() throws {
    var log = try Log()
    let objects = try [11, 12, 13].map { try log.object(id: $0) }
    let (name, bytes) = try SliceMerge.merge(objects, stored: 9, created: 50)
    #expect(name == MergedName(5...7, id: EntryID(13)))
    let header = try SliceReader(bytes, object: "merged").header
    #expect(
      header.entry == .init(id: EntryID(13), previous: EntryID(100), session: 0, lastTransaction: 7))
    #expect(header.transactions == 5...7 && header.acknowledged == 9 && header.created == 50)
    #expect(try pages(of: bytes) == log.pages)
    // The first bytes are enough to follow the chain.
    #expect(try SliceHeader(Array(bytes.prefix(300)), object: "merged").entry.lastTransaction == 7)
  }

  /// A turn between two slices changes the identifiers, not the transactions.
  @Test func mergesAcrossTurns() throws {
    var log = try Log()
    let first = try log.object(id: 11)
    log.last = EntryID(77)
    let second = try log.object(id: 12)
    let (name, bytes) = try SliceMerge.merge([first, second], stored: 6, created: 50)
    #expect(name == MergedName(5...6, id: EntryID(12)))
    let entry = try SliceReader(bytes, object: "merged").header.entry
    #expect(entry.id == EntryID(12) && entry.previous == EntryID(100))
  }

  @Test func mergedObjectsAreMergedAgainOverRestartsOfTheLog() throws {
    var log = try Log()
    let early = try [11, 12].map { try log.object(id: $0) }
    let first = try SliceMerge.merge(early, stored: 6, created: 50)
    let later = try [log.object(sections: 3, id: 13), log.object(id: 14)]
    let second = try SliceMerge.merge(later, stored: 10, created: 51)
    #expect(second.name == MergedName(7...10, id: EntryID(14)))
    let (name, bytes) = try SliceMerge.merge(
      [("first", first.bytes), ("second", second.bytes)], stored: 10, created: 52)
    #expect(name == MergedName(5...10, id: EntryID(14)))
    let reader = try SliceReader(bytes, object: "merged")
    #expect(
      reader.header.entry == .init(id: EntryID(14), previous: EntryID(100), session: 0, lastTransaction: 10))
    #expect(reader.commits.map(\.time) == [5, 6, 7, 8, 9, 10])
    #expect(reader.endPosition.salt == log.header.salt && reader.endPosition.frame == 2)
    #expect(try pages(of: bytes) == log.pages)
  }

  /// The tail of an object gives the same frames, wherever it begins, over restarts of the log too.
  @Test func theTailOfAnObjectIsReadByItself() throws {
    var log = try Log()
    let (_, bytes) = try SliceMerge.merge(
      [log.object(id: 11), log.object(sections: 3, id: 12), log.object(id: 13)], stored: 9, created: 50)
    let whole = try SliceReader(bytes, object: "merged")
    var frames: [[UInt8]] = []
    for page in [[UInt8](repeating: 7, count: Self.pageSize)] + log.pages.dropLast() {
      frames.append(try whole.next(base: (page, 0)))
    }
    for passed in 1..<5 {
      let reader = try SliceReader(bytes, object: "merged")
      try reader.skip(commits: passed, checksum: nil)
      #expect(reader.frameIndex == passed)
      for index in passed..<5 {
        #expect(try reader.next(base: (log.pages[index - 1], 0))[24...] == frames[index][24...])
      }
      #expect(reader.nextPage == nil)
    }
    for count in [0, 5, 6, -1] {
      let reader = try SliceReader(bytes, object: "merged")
      #expect(throws: FormatError.self) { try reader.skip(commits: count, checksum: nil) }
    }
  }

  /// With SQLite's sum after the skipped frames, the end of the section proves the frames after
  /// them.
  @Test func theTailContinuesTheSumsBeforeIt() throws {
    var log = try Log()
    let first = try log.object(id: 11)
    let sums = log.sums
    let (_, bytes) = try SliceMerge.merge([first, log.object(id: 12)], stored: 9, created: 50)
    let reader = try SliceReader(bytes, object: "merged")
    try reader.skip(commits: 1, checksum: sums)
    _ = try reader.next(base: (log.pages[0], 0))
    let other = try SliceReader(bytes, object: "merged")
    try other.skip(commits: 1, checksum: WALChecksum(first: 1, second: 2))
    let error = thrown(FormatError.self) { try other.next(base: (log.pages[0], 0)) }
    #expect(error?.cause == "the frames do not continue the log before them")
  }

  @Test func refusesWhatDoesNotFollow() throws {
    var log = try Log()
    let objects = try [11, 12, 13].map { try log.object(id: $0) }
    for wrong in [[objects[0], objects[2]], [objects[1], objects[0]], [objects[0], objects[0]]] {
      let error = thrown(FormatError.self) { try SliceMerge.merge(wrong, stored: 9, created: 50) }
      #expect(error?.cause == "it does not follow the slice before")
    }
    #expect(throws: FormatError.self) { try SliceMerge.merge([], stored: 9, created: 50) }
  }

  /// Sections of one object belong to one entry: pieces of two objects are not an object.
  @Test func refusesSectionsOfDifferentEntries() throws {
    var log = try Log()
    let objects = try [11, 12].map { try log.object(id: $0) }
    let error = thrown(FormatError.self) {
      try SliceReader(objects[0].bytes + objects[1].bytes, object: "slice")
    }
    #expect(error?.cause == "its sections do not follow one another")
  }
}
