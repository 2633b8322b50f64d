import Bytes
import ReplicaFormat
import TestSupport
import Testing
import WALFormat

/// A page comes back after any change.
@Suite struct PageDifferenceTests {
  private static let size = 4096

  /// Returns a page, and another one made from it by changes like SQLite's: bytes replaced,
  /// inserted into an array, removed from it.
  private static func edited(_ page: [UInt8], _ random: inout Seeded) -> [UInt8] {
    var page = page
    for _ in 0..<Int.random(in: 0...6, using: &random) {
      let at = Int.random(in: 0..<size - 300, using: &random)
      let count = Int.random(in: 1...200, using: &random)
      switch Int.random(in: 0...4, using: &random) {
      case 0: for index in at..<at + count { page[index] = .random(in: 0...255, using: &random) }
      case 1: for index in at..<at + count { page[index] = 0 }
      case 2: page[at] &+= 1
      case 3:
        page.insert(contentsOf: [1, UInt8(count)], at: at)
        page.removeSubrange(at + count + 2..<at + count + 4)
      default:
        page.insert(contentsOf: [0, 0], at: at + count)
        page.removeSubrange(at..<at + 2)
      }
    }
    return page
  }

  @Test func givesThePageBack() throws {
    var random = Seeded()
    for _ in 0..<Seeded.rounds(60, 2000) { try roundTrip(&random) }
  }

  private func roundTrip(_ random: inout Seeded) throws {
    let kind = Int.random(in: 0...2, using: &random)
    let old = (0..<Self.size).map { _ in
      kind == 0 ? 0 : UInt8.random(in: kind == 1 ? 0...3 : 0...255, using: &random)
    }
    let header = try #require(
      WALHeader(bigEndian: false, pageSizeExponent: 12, restarts: 3, salt: WALSalt(first: 1, second: 2)))
    let state = DatabaseState(pageSize: Self.size, pages: 1, checksum: .zero)
    let builder = SliceBuilder(
      walHeader: header, generation: GenerationID(sequence: 1, random: 2), firstTransaction: 1,
      start: WALPosition(startOf: header), previous: state)
    var pages: [[UInt8]] = []
    var sums = header.checksum
    var last = old
    for _ in 0..<10 {
      let page = Self.edited(last, &random)
      builder.add(WALFrame(page: 1, databaseSize: 1), page: page, at: 0, base: (last, 0))
      var frame = [UInt8](repeating: 0, count: 24) + page
      WALFrame(page: 1, databaseSize: 1).write(at: 0, in: &frame, of: header, continuing: &sums)
      builder.endCommit(time: 1, state: state, checksum: sums)
      pages.append(page)
      last = page
    }
    let object = SealedSlice.object(
      [builder.close(created: 1)], id: EntryID(1), previous: .none, session: 1, stored: 0)
    let merged = try SliceMerge.merge([("slice", object)], stored: 0, created: 1).bytes
    for bytes in [object, merged] {
      let reader = try SliceReader(bytes, object: "slice")
      var base = old
      for page in pages {
        base = Array(try reader.next(base: (base, 0))[24...])
        #expect(base == page, "seed \(random.seed)")
      }
      #expect(reader.nextPage == nil)
    }
  }

  @Test func storesAnInsertionIntoAnArrayInFewBytes() {
    let old = (0..<Self.size).map { UInt8(truncatingIfNeeded: ($0 &* $0 &* 7) >> 3) }
    var new = old
    new.insert(contentsOf: [200, 201], at: 100)
    new.removeSubrange(602..<604)
    let (operations, literals) = (ByteBuffer(), ByteBuffer())
    let count = PageDifference.append(
      new, at: 0, from: old, at: 0, count: Self.size, limit: 4096, operations: operations, literals: literals)
    #expect(count.map { 1...3 ~= $0 } == true)
    #expect(operations.count + literals.count < 24)
  }

  @Test func leavesTheBuffersUnchangedIfItWouldBeLong() {
    let old = [UInt8](repeating: 0, count: Self.size)
    let new = [UInt8](repeating: 1, count: Self.size)
    let (operations, literals) = (ByteBuffer(), ByteBuffer())
    operations.append(7)
    literals.append(8)
    let count = PageDifference.append(
      new, at: 0, from: old, at: 0, count: Self.size, limit: 1000, operations: operations, literals: literals)
    #expect(count == nil)
    #expect(operations.bytes == [7] && literals.bytes == [8])
  }

  @Test func numbersComeBack() {
    let numbers: [Int64] = [0, 1, -1, 63, 64, -64, -65, 1 << 40, .max, .min]
    let buffer = ByteBuffer()
    for number in numbers { buffer.append(signedVarint: number) }
    buffer.append(varint: .max)
    var fields = FieldCursor(buffer.bytes, 0..<buffer.count)
    for number in numbers { #expect(fields.signedVarint() == number) }
    #expect(fields.varint() == .max)
    #expect(fields.varint() == nil && fields.left == 0)
    var long = FieldCursor([UInt8](repeating: 0xff, count: 12), 0..<12)
    #expect(long.varint() == nil)
  }
}
