import Bytes
import ReplicaFormat
import TestSupport
import Testing
import WALFormat

@Suite struct SliceTests {
  private let pageSize = 512

  private func header() throws -> WALHeader {
    var bytes: [UInt8] = []
    for word in [0x377f_0682, 3_007_000, UInt32(pageSize), 0, 7, 9] as [UInt32] {
      bytes.appendBigEndian(word)
    }
    var sums = WALChecksum.zero
    sums.update(bytes, 0..<24, bigEndian: false)
    bytes.appendBigEndian(sums.first)
    bytes.appendBigEndian(sums.second)
    return try #require(WALHeader(bytes))
  }

  private func page(_ number: Int) -> [UInt8] {
    (0..<pageSize).map { UInt8(truncatingIfNeeded: $0 &* number) }
  }

  /// Returns a page in which some bytes are replaced, and some have moved.
  private func changed(_ page: [UInt8]) -> [UInt8] {
    var page = page
    page[5] ^= 0xff
    page.insert(contentsOf: [1, 2], at: 20)
    page.removeSubrange(90..<92)
    return page
  }

  private struct Made {
    let object: [UInt8]
    let frames: [[UInt8]]
  }

  /// Returns a slice of two commits: pages 1 and 2, then page 1 again as a difference.
  private func make() throws -> Made {
    let header = try header()
    let state = DatabaseState(pageSize: pageSize, pages: 2, checksum: Hash128(high: 1, low: 2))
    let builder = SliceBuilder(
      walHeader: header, generation: GenerationID(sequence: 1, random: 2), firstTransaction: 5,
      start: WALPosition(startOf: header), previous: state)
    var sums = header.checksum
    var frames: [[UInt8]] = []
    func add(_ frame: WALFrame, _ bytes: [UInt8], base: [UInt8]?) {
      var whole = [UInt8](repeating: 0, count: 24) + bytes
      frame.write(at: 0, in: &whole, of: header, continuing: &sums)
      frames.append(whole)
      builder.add(frame, page: bytes, at: 0, base: base.map { ($0, 0) })
    }
    add(WALFrame(page: 1, databaseSize: 0), page(3), base: nil)
    add(WALFrame(page: 2, databaseSize: 2), page(5), base: nil)
    builder.endCommit(time: 100, state: state, checksum: sums)
    add(WALFrame(page: 1, databaseSize: 2), changed(page(3)), base: page(3))
    builder.endCommit(time: 200, state: state, checksum: sums)
    let object = SealedSlice.object(
      [builder.close(created: 300)], id: EntryID(0xfeed), previous: EntryID(0xbeef), session: 9, stored: 4)
    return Made(object: object, frames: frames)
  }

  @Test func givesTheVerbatimFramesBack() throws {
    let made = try make()
    let reader = try SliceReader(made.object, object: "slice")
    #expect(reader.header.transactions == 5...6)
    #expect(reader.header.acknowledged == 4)
    #expect(
      reader.header.entry
        == .init(id: EntryID(0xfeed), previous: EntryID(0xbeef), session: 9, lastTransaction: 6))
    #expect(
      reader.header.place
        == Place(GenerationID(sequence: 1, random: 2), transaction: 5, previous: EntryID(0xbeef)))
    #expect(reader.commits.map(\.frames) == [2, 3])
    #expect(reader.commits.map(\.time) == [100, 200])
    var pages: [UInt32: [UInt8]] = [:]
    var frames: [[UInt8]] = []
    while let page = reader.nextPage {
      let frame = try reader.next(base: pages[page].map { ($0, 0) })
      frames.append(frame)
      pages[page] = Array(frame[24...])
    }
    #expect(frames == made.frames)
  }

  @Test func refusesEveryFlippedBit() throws {
    let made = try make()
    for at in made.object.indices {
      var damaged = made.object
      damaged[at] ^= 1
      #expect(throws: FormatError.self, "byte \(at)") { try SliceReader(damaged, object: "slice") }
    }
  }

  /// Damage with valid hashes, as if they had been computed afterwards: nothing traps, and only the
  /// written frames come out unnoticed.
  @Test func survivesDamageUnderRightHashes() throws {
    let made = try make()
    let header = Int(made.object[9])
    for at in 9..<made.object.count - 16 {
      for bit in 0..<8 as Range<UInt8> {
        var damaged = made.object
        damaged[at] ^= 1 << bit
        sign(&damaged, header: header)
        guard let reader = try? SliceReader(damaged, object: "slice") else { continue }
        var pages: [UInt32: [UInt8]] = [:]
        var frames: [[UInt8]] = []
        while let page = reader.nextPage, let frame = try? reader.next(base: pages[page].map { ($0, 0) }) {
          frames.append(frame)
          pages[page] = Array(frame[24...])
        }
        #expect(
          frames == made.frames || frames.count < made.frames.count || at < header, "byte \(at), bit \(bit)")
      }
    }
  }

  private func sign(_ object: inout [UInt8], header: Int) {
    let of = Hash128(object, 0..<header - 8)
    let content = Hash128(object, header..<object.count - 16)
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(of.low)
    object.replaceSubrange(header - 8..<header, with: bytes)
    bytes = []
    bytes.appendLittleEndian(content.low)
    bytes.appendLittleEndian(content.high)
    object.replaceSubrange(object.count - 16..<object.count, with: bytes)
  }

  @Test func refusesEveryShorterObject() throws {
    let made = try make()
    for count in made.object.indices {
      #expect(throws: FormatError.self, "\(count) bytes") {
        try SliceReader(Array(made.object[..<count]), object: "slice")
      }
    }
  }

  @Test func noticesThatItIsAppliedToAnotherImage() throws {
    let reader = try SliceReader(make().object, object: "slice")
    _ = try reader.next(base: nil)
    _ = try reader.next(base: nil)
    #expect(throws: FormatError.self) { try reader.next(base: (page(9), 0)) }
  }

  @Test func refusesVersionsItDoesNotKnow() throws {
    var object = try make().object
    for version in [0, 2, 3, 255] as [UInt8] {
      object[8] = version
      let error = thrown(FormatError.self) { try SliceReader(object, object: "slice") }
      #expect(error?.cause == "written by another version of this program")
    }
  }
}
