import Bytes
import ReplicaFormat
import TestSupport
import Testing
import WALFormat

/// Tests the fields of a slice's header, each at its bounds and past them.
@Suite struct SliceHeaderTests {
  private func read(_ change: (inout HandMadeHeader) -> Void) throws -> SliceHeader {
    var header = HandMadeHeader()
    change(&header)
    return try SliceHeader(header.bytes, object: "slice")
  }

  /// Expects that a header is refused as damaged.
  private func refuses(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout HandMadeHeader) -> Void
  ) {
    let error = thrown(FormatError.self, sourceLocation: sourceLocation) { try read(change) }
    #expect(error?.cause == "its header is damaged", sourceLocation: sourceLocation)
  }

  @Test func everyFieldIsRead() throws {
    let header = try read {
      $0.pageSize = 0x80 | 16
      $0.sequence = 3
      ($0.more, $0.rest, $0.commits, $0.frames, $0.firstFrame) = (1, 7, 2, 3, 4)
      ($0.restarts, $0.behind, $0.created) = (6, -2, -9)
    }
    #expect(header.generation == GenerationID(sequence: 3, random: 2))
    #expect(header.transactions == 5...6 && header.part == 1 && header.parts == 1 && header.isLastPart)
    #expect(
      header.entry == .init(id: EntryID(10), previous: EntryID(11), session: 12, lastTransaction: 13))
    #expect(
      header.walHeader.bigEndian && header.walHeader.pageSize == 65536 && header.walHeader.restarts == 6)
    #expect(header.walHeader.salt == WALSalt(first: 7, second: 9))
    #expect(
      header.start == WALChecksum(first: 1, second: 2) && header.end == WALChecksum(first: 3, second: 4))
    #expect(
      header.previous == DatabaseState(pageSize: 65536, pages: 2, checksum: Hash128(high: 6, low: 5)))
    #expect(header.firstFrame == 4 && header.frameCount == 3 && header.commitCount == 2)
    #expect(header.endPosition.frame == 6)
    #expect(header.acknowledged == 7 && header.created == -9 && header.largestPage == nil)
    #expect(header.place == Place(header.generation, transaction: 5, previous: EntryID(11)))
  }

  @Test func aPartIsReadWithItsBound() throws {
    let header = try read {
      ($0.part, $0.parts, $0.commits) = (2, 0xffff, 0)
      $0.largestPage = 0xffff_ffff
    }
    #expect(header.part == 2 && header.parts == 0xffff && !header.isLastPart)
    #expect(header.largestPage == .max && header.place.part == 2)
    #expect(
      try read {
        ($0.part, $0.parts) = (0xffff, 0xffff)
        $0.largestPage = 1
      }.isLastPart)
    refuses { ($0.part, $0.parts, $0.commits) = (1, 2, 0) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (1, 0x1_0000, 0, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (1, 2, 1, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (2, 2, 0, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (0, 2, 0, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (3, 2, 0, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage) = (1, 2, 0, 1 << 32) }
    // A part holds one transaction, and nothing follows it in its object.
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage, $0.more) = (1, 2, 0, 1, 1) }
    refuses { ($0.part, $0.parts, $0.commits, $0.largestPage, $0.rest) = (1, 2, 0, 1, 1) }
  }

  @Test func transactionsAreInBounds() throws {
    let last = Bounds.lastTransaction
    #expect(try read { ($0.first, $0.behind) = (last, 0) }.transactions == last...last)
    #expect(try read { ($0.first, $0.rest) = (1, last - 1) }.entry.lastTransaction == last)
    refuses { $0.first = 0 }
    refuses { $0.first = last + 1 }
    refuses { ($0.first, $0.rest) = (last, 1) }
    refuses { ($0.first, $0.more, $0.commits, $0.frames) = (last, 1, 2, 2) }
    // The last transaction that was stored when the object was made.
    #expect(try read { $0.behind = 5 }.acknowledged == 0)
    #expect(try read { $0.behind = 5 - Int64(last) }.acknowledged == last)
    for behind in [6, 4 - Int64(last), .min, .max] { refuses { $0.behind = behind } }
    for number in [last, last + 1, .max] {
      refuses { $0.more = number }
      refuses { $0.rest = number }
    }
  }

  @Test func numbersOfOneFieldAreInBounds() throws {
    #expect(try read { $0.sequence = 0xffff_fffe }.generation.sequence == Bounds.lastSequence)
    refuses { $0.sequence = 0xffff_ffff }
    refuses { $0.sequence = 0x1_0000_0000 }
    #expect(try read { $0.firstFrame = 0xffff_ffff }.firstFrame == 0xffff_ffff)
    refuses { $0.firstFrame = 0 }
    refuses { $0.firstFrame = 0x1_0000_0000 }
    #expect(try read { $0.frames = 8 << 20 }.frameCount == 8 << 20)
    refuses { $0.frames = 0 }
    refuses { $0.frames = 8 << 20 + 1 }
    refuses { $0.frames = .max }
    refuses { $0.commits = 0 }
    refuses { $0.commits = 2 }
    refuses { ($0.more, $0.commits) = (1, 2) }
    #expect(try read { $0.pages = 0xffff_ffff }.previous.pages == .max)
    refuses { $0.pages = 0x1_0000_0000 }
    #expect(try read { $0.restarts = 0xffff_ffff }.walHeader.restarts == .max)
    refuses { $0.restarts = 0x1_0000_0000 }
    for index in 0..<4 { refuses { $0.sizes[index] = 0x1_0000_0000 } }
    refuses { $0.tables = 0x1_0000_0000 }
    for exponent in [0, 8, 17, 127] as [UInt8] { refuses { $0.pageSize = exponent } }
    for time in [Bounds.times.lowerBound, Bounds.times.upperBound] {
      #expect(try read { $0.created = time }.created == time)
    }
    refuses { $0.created = Bounds.times.lowerBound - 1 }
    refuses { $0.created = Bounds.times.upperBound + 1 }
  }

  /// The longest header has less than 255 bytes, so that its length fits.
  @Test func everyFieldFitsAtItsLongest() throws {
    let header = try read {
      ($0.random, $0.salts, $0.sums) = (
        0xffff_ffff, [0xffff_ffff, 0], [UInt64](repeating: 0xffff_ffff, count: 4)
      )
      ($0.sequence, $0.first) = (0xffff_fffe, Bounds.lastTransaction)
      ($0.part, $0.parts, $0.restarts, $0.firstFrame) = (0xffff, 0xffff, 0xffff_ffff, 0xffff_ffff)
      ($0.frames, $0.pages, $0.behind, $0.created) = (8 << 20, 0xffff_ffff, 1 << 62, Bounds.times.upperBound)
      ($0.sizes, $0.tables) = ([UInt64](repeating: 0xffff_ffff, count: 4), 0xffff_ffff)
      $0.largestPage = 0xffff_ffff
    }
    #expect(header.frameCount == 8 << 20)
    #expect(header.transactions.upperBound == Bounds.lastTransaction)
  }

  @Test func aHeaderThatIsCutShortIsRefused() {
    let bytes = HandMadeHeader().bytes
    for count in 0..<Int(bytes[9]) {
      #expect(throws: FormatError.self) { try SliceHeader(Array(bytes[..<count]), object: "slice") }
    }
    for start in [-1, 1, bytes.count, Int.max] {
      #expect(throws: FormatError.self) { try SliceHeader(bytes, at: start, object: "slice") }
    }
  }
}
