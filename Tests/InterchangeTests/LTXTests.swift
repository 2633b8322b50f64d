import Bytes
import Interchange
import Testing

/// Files of Litestream's format, made and read back.
@Suite struct LTXTests {
  private static func page(_ number: UInt32, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: $0 % 7 == 0 ? Int(number) &* 31 &+ $0 &* $0 : Int(number)) }
  }

  private static func file(pageSize: Int, pages: UInt32) -> [UInt8] {
    var writer = LTXWriter(
      LTXHeader(pageSize: pageSize, pageCount: pages, transactions: 1...7, milliseconds: 1_795_401_195_044))
    for number in 1...pages { writer.add(page(number, pageSize), number: number) }
    writer.finish()
    return writer.bytes
  }

  /// Reads a file to its end, in pieces of `piece` bytes.
  private static func read(_ bytes: [UInt8], piece: Int = 1000) throws -> [(number: UInt32, bytes: [UInt8])] {
    var reader = try LTXReader("0/a.ltx", size: bytes.count, piece: piece) {
      Array(bytes[$0.clamped(to: 0..<bytes.count)])
    }
    var pages: [(number: UInt32, bytes: [UInt8])] = []
    while let page = try reader.next() { pages.append(page) }
    return pages
  }

  @Test(arguments: [512, 4096, 65536], [100, 5000, 1 << 24])
  func readsWhatItWrote(_ pageSize: Int, piece: Int) throws {
    let bytes = Self.file(pageSize: pageSize, pages: 9)
    let header = try LTXHeader(bytes, object: "a")
    #expect(header.pageSize == pageSize && header.pageCount == 9 && header.transactions == 1...7)
    #expect(header.milliseconds == 1_795_401_195_044 && !header.hasDatabaseChecksum)
    let pages = try Self.read(bytes, piece: piece)
    #expect(pages.map(\.number) == Array(1...9))
    #expect(pages.allSatisfy { $0.bytes == Self.page($0.number, pageSize) })
  }

  /// The check value of CRC-64/GO-ISO in the catalogue of parametrised CRC algorithms.
  @Test func checksumIsISOs() {
    var checksum = CRC64()
    checksum.add(Array("123456789".utf8))
    #expect(checksum.value == 0xb909_56c7_75a4_1001)
    #expect(CRC64().value == 0)
  }

  /// Another byte in a compressed page may give the same page: the checksum is over the content.
  @Test func noByteMayMakeAnotherPage() throws {
    let bytes = Self.file(pageSize: 512, pages: 3)
    let whole = try Self.read(bytes).map(\.bytes)
    var same = 0
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x10
      guard let pages = try? Self.read(damaged) else { continue }
      #expect(pages.map(\.bytes) == whole, "byte \(index)")
      same += 1
    }
    #expect(same < 10)
  }

  @Test func noEndMayBeMissing() {
    let bytes = Self.file(pageSize: 512, pages: 3)
    for count in 0..<bytes.count {
      #expect(throws: LTXError.self, "\(count) bytes") { try Self.read(Array(bytes[..<count])) }
    }
    #expect(throws: LTXError.self) { try Self.read(bytes + [0]) }
  }

  @Test func errorsNameTheFile() {
    #expect(throws: LTXError("0/a.ltx", "it is no LTX file")) {
      try Self.read([UInt8](repeating: 65, count: 200))
    }
    #expect("\(LTXError("0/a.ltx", "it is no LTX file"))" == "read 0/a.ltx: it is no LTX file")
  }
}

/// Names of files, and which of them make a database.
@Suite struct LTXChainTests {
  private static func item(_ level: Int, _ range: ClosedRange<UInt64>) -> LTXChain.Item {
    LTXChain.Item(name: LTXName(level: level, transactions: range, layout: .directory), size: 1)
  }
  private static func chain(_ items: [LTXChain.Item]) -> [String] {
    LTXChain.furthest(items).map {
      "\($0.name.level):\($0.name.transactions.lowerBound)-\($0.name.transactions.upperBound)"
    }
  }

  @Test(arguments: [
    "ltx/9/0000000000000001-00000000000000ff.ltx", "ltx/0/0000000000000002-0000000000000002.ltx",
    "0009/0000000000000001-000000000000000a.ltx", "0000/3fffffffffffffff-4000000000000000.ltx",
  ]) func readsNames(_ key: String) { #expect(LTXName(key: key)?.key == key) }

  @Test(arguments: [
    "", "ltx", "ltx/9", "ltx/10/0000000000000001-0000000000000001.ltx",
    "ltx/09/0000000000000001-0000000000000001.ltx",
    "000a/0000000000000001-0000000000000001.ltx", "0009/0000000000000002-0000000000000001.ltx",
    "0009/0000000000000000-0000000000000001.ltx", "ltx/0/0000000000000001-0000000000000001.ltx.tmp",
    "ltx/0/+000000000000001-0000000000000001.ltx", "9/0000000000000001-0000000000000001.ltx",
    "x/ltx/0/0000000000000001-0000000000000001.ltx",
  ]) func refusesOthers(_ key: String) { #expect(LTXName(key: key) == nil) }

  @Test func takesTheFurthestAndThenTheHighest() {
    let items = [
      Self.item(9, 1...1), Self.item(9, 1...5), Self.item(1, 2...5), Self.item(1, 6...9), Self.item(2, 1...9),
      Self.item(9, 1...9), Self.item(0, 9...9), Self.item(0, 10...10), Self.item(0, 11...11),
    ]
    #expect(Self.chain(items) == ["9:1-9", "0:10-10", "0:11-11"])
    #expect(Self.chain(items.shuffled()) == ["9:1-9", "0:10-10", "0:11-11"])
  }

  @Test func continuesWithinWhatItHas() {
    #expect(
      Self.chain([Self.item(9, 1...4), Self.item(1, 3...8), Self.item(0, 5...5)]) == ["9:1-4", "1:3-8"])
  }

  @Test func endsWhereATransactionIsMissing() {
    #expect(Self.chain([Self.item(9, 1...4), Self.item(0, 6...6)]) == ["9:1-4"])
    #expect(Self.chain([Self.item(0, 2...4)]).isEmpty)
    #expect(Self.chain([]).isEmpty)
  }
}
