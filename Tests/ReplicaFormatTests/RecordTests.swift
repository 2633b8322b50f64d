import Bytes
import ReplicaFormat
import TestSupport
import Testing
import WALFormat

@Suite struct RecordTests {
  private let generation = GenerationID(sequence: 3, random: 0xabc)
  private let state = DatabaseState(pageSize: 4096, pages: 30, checksum: Hash128(high: 1, low: .max))

  private let name = BaseName(12, id: EntryID(0xfeed))
  private var place: Place { Place(generation, transaction: 13, part: 2, previous: EntryID(0xbeef)) }

  private var manifest: BaseManifest {
    let digest = String(repeating: "a", count: 64)
    return BaseManifest(
      generation: generation, name: name, time: 99, state: state,
      parts: [
        .init(firstPage: 1, pageCount: 20, digest: digest, compressedSize: 5),
        .init(firstPage: 21, pageCount: 10, digest: digest, compressedSize: 6),
      ])
  }

  @Test func readsTheManifestThatItWrote() throws {
    #expect(try BaseManifest(manifest.bytes, object: "m") == manifest)
    #expect(manifest.key == "generations/00000003-00000abc/base/000000000000000c-000000000000feed.txt")
  }

  @Test func refusesEveryFlippedBitOfAManifest() throws {
    for at in manifest.bytes.indices {
      var damaged = manifest.bytes
      damaged[at] ^= 1
      #expect(throws: FormatError.self, "byte \(at)") { try BaseManifest(damaged, object: "m") }
    }
  }

  @Test func refusesPartsThatDoNotHoldEveryPage() throws {
    let short = BaseManifest(
      generation: generation, name: name, time: 99, state: state, parts: [manifest.parts[0]])
    #expect(throws: FormatError.self) { try BaseManifest(short.bytes, object: "m") }
  }

  @Test func readsThePositionThatItWrote() throws {
    for isShort in [false, true] {
      let record = PositionRecord(
        url: "s3://bucket/a b", place: place, entries: isShort ? [] : [place, place], session: .max,
        transaction: 7,
        state: state,
        position: isShort
          ? nil
          : WALPosition(
            salt: WALSalt(first: 1, second: 2), frame: 9, checksum: WALChecksum(first: 3, second: 4)),
        time: -5, unmerged: 3, statements: 4,
        identity: isShort ? nil : .init(device: 1, inode: .max, bornNs: -3),
        isSynced: true, isAtRest: !isShort, bytesSinceBase: isShort ? nil : 12,
        file: isShort ? nil : .init(size: 1, modifiedNs: 2, inode: 3),
        keyID: isShort ? nil : "0123456789abcdef",
        writer: isShort ? nil : .init(process: 7, durability: "sync"))
      #expect(try PositionRecord(record.bytes, object: "p") == record)
    }
  }

  @Test func readsTheGenerationThatItWrote() throws {
    for seal in [nil, place] {
      let record = GenerationRecord(
        generation: generation, time: 5, reason: "why\nnot", seal: seal, writer: "me")
      let read = try GenerationRecord(record.bytes, object: "g")
      #expect(read.reason == "why not" && read.seal == seal && read.writer == "me" && read.time == 5)
      #expect(read.generation == generation)
    }
  }

  private func buffer(_ text: String) -> ByteBuffer {
    let buffer = ByteBuffer()
    buffer.append(text)
    return buffer
  }

  @Test func readsTheStatementsThatItWrote() throws {
    var builder = StatementBatchBuilder(generation: generation)
    var first = StatementGroup()
    first.settings = "PRAGMA foreign_keys=1;"
    first.append(buffer("INSERT INTO t VALUES('\n-- transaction 9\n')"), changes: 1, error: nil)
    builder.add(first, transaction: 4, time: 10, end: nil)
    var second = StatementGroup()
    second.append(buffer("UPDATE t SET a=1; -- a comment"), changes: 2, error: nil)
    let mark = second.mark
    second.append(buffer("undone;"), changes: 2, error: nil)
    second.rewind(to: mark)
    second.append(buffer("INSERT OR FAIL …;"), changes: -3, error: 19)
    builder.add(second, transaction: 5, time: 11, end: nil)
    builder.add(StatementGroup(barrier: "somebody\nelse"), transaction: 6, time: 12, end: nil)
    let (range, bytes) = try #require(builder.seal())
    #expect(range == 4...6)
    let read = try Self.read(bytes)
    #expect(read.transactions.map(\.number) == [4, 5, 6])
    #expect(read.transactions[0].settings == "PRAGMA foreign_keys=1;")
    #expect(
      read.statements == [
        ["INSERT INTO t VALUES('\n-- transaction 9\n') 1 nil"],
        ["UPDATE t SET a=1; -- a comment 2 nil", "INSERT OR FAIL …; -3 Optional(19)"], [],
      ])
    #expect(read.transactions[2].barrier == "somebody else")
    for at in bytes.indices {
      var damaged = bytes
      damaged[at] ^= 4
      // Some bits of a zstd frame have no effect; then the content is the same.
      let other = try? Self.read(damaged)
      #expect(other == nil || other?.statements == read.statements, "byte \(at)")
    }
  }

  private static func read(
    _ bytes: [UInt8]
  ) throws -> (transactions: [StatementScript.Transaction], statements: [[String]]) {
    let script = try StatementScript(bytes, object: "s").reader()
    var transactions: [StatementScript.Transaction] = []
    var statements: [[String]] = []
    while let transaction = try script.nextTransaction() {
      transactions.append(transaction)
      statements.append([])
      while let found = try script.nextStatement() {
        let sql = String(decoding: script.script[found.sql], as: UTF8.self)
        statements[statements.count - 1].append(
          "\(sql) \(found.changes) \(String(describing: found.error))")
      }
    }
    return (transactions, statements)
  }

  @Test func readsTheLeaseThatItWrote() throws {
    let session = TurnRecord.Session(number: 0xabc, host: "a", process: 7, database: "/x y.db")
    let holder = LeaseRecord.Holder(session: session, boot: "", processStart: 8)
    var record = LeaseRecord(holder: holder, since: 5, pruned: 4, last: nil)
    #expect(try LeaseRecord(record.bytes, object: "l") == record)
    #expect(record.renewed == 5)
    record.renewed = 6
    record.last = place
    record.isClosed = true
    #expect(try LeaseRecord(record.bytes, object: "l") == record)
    let text = String(decoding: record.bytes, as: UTF8.self)
    #expect(text.contains("\nlast 00000003-00000abc 13 2 000000000000beef\nclosed yes\n"))
  }

  @Test func readsTheCopyRecordThatItWrote() throws {
    for position in [nil, WALPosition(salt: WALSalt(first: 1, second: 2), frame: 9, checksum: .zero)] {
      let point = ChainPoint(
        generation: generation, transaction: 7, id: EntryID(3), time: 5, state: state, position: position)
      let header = (0..<CopyHeader.size).map { UInt8($0) }
      let record = FollowRecord(url: "u", point: point, header: header, counter: 1, cookie: .max)
      #expect(try FollowRecord(record.bytes, object: "f") == record)
    }
  }

  // MARK: Turns, seals and marks

  private let session = TurnRecord.Session(number: .max, host: "h\nost", process: 7, database: "/x y.db")

  private func turn(_ successor: TurnRecord.Successor? = nil) -> TurnRecord {
    TurnRecord(
      place: place, id: EntryID(0xfeed), session: session, time: 5, reason: "it begins", successor: successor)
  }

  private func successor(
    sequence: UInt32 = 4, transaction: UInt64 = 12, isFork: Bool = false
  ) -> TurnRecord.Successor {
    TurnRecord.Successor(
      generation: GenerationID(sequence: sequence, random: 1), transaction: transaction,
      checksum: Hash128(high: 1, low: .max), isFork: isFork)
  }

  @Test func readsTheTurnAndTheSealThatItWrote() throws {
    for seal in [nil, successor(), successor(isFork: true)] {
      let record = turn(seal)
      let read = try TurnRecord(record.bytes, at: place)
      #expect(read.id == record.id && read.successor == seal && read.time == 5 && read.reason == "it begins")
      #expect(read.session.host == "h ost" && read.session.number == .max && read.session.process == 7)
      #expect(read.session.database == "/x y.db")
      #expect(TurnRecord.begins(record.bytes) && TurnRecord.begins(Array(record.bytes.prefix(25))))
    }
    #expect(!TurnRecord.begins(Array("SQLCS3W1".utf8)) && !TurnRecord.begins([]))
    #expect(successor().base(seal: EntryID(0xfeed)) == BaseName(13, id: EntryID(0xfeed)))
  }

  /// A reader of the log reads the first 8,192 bytes of an entry.
  @Test func aTurnIsShortWhateverItSays() throws {
    let long = String(repeating: "\u{1f600}", count: 4096)
    let session = TurnRecord.Session(number: 1, host: long, process: .max >> 33, database: "/" + long)
    let record = TurnRecord(
      place: place, id: EntryID(0xfeed), session: session, time: 5, reason: "  " + long,
      successor: successor())
    #expect(record.bytes.count < 8192)
    let read = try TurnRecord(record.bytes, at: place)
    #expect(read.session.host == String(repeating: "\u{1f600}", count: 250))
    #expect(read.session.database.hasPrefix("/\u{1f600}") && read.id == record.id)
  }

  /// A copy under another name is not the entry of that name.
  @Test func refusesATurnOrASealOfAnotherPlace() {
    let others = [
      Place(GenerationID(sequence: 3, random: 1), transaction: 13, part: 2, previous: EntryID(0xbeef)),
      Place(generation, transaction: 14, part: 2, previous: EntryID(0xbeef)),
      Place(generation, transaction: 13, part: 1, previous: EntryID(0xbeef)),
      Place(generation, transaction: 13, part: 2, previous: EntryID(0xbee)),
    ]
    for record in [turn(), turn(successor())] {
      for other in others {
        let error = thrown(FormatError.self) { try TurnRecord(record.bytes, at: other) }
        #expect(error?.cause == "it is that of another place")
        #expect(error?.object == other.key)
      }
    }
  }

  @Test func refusesASealWhoseSuccessorDoesNotFollow() {
    for wrong in [
      successor(sequence: 3), successor(sequence: 5), successor(transaction: 11), successor(transaction: 13),
    ] {
      let error = thrown(FormatError.self) { try TurnRecord(turn(wrong).bytes, at: place) }
      #expect(error?.cause == "wrong successor")
    }
  }

  @Test func readsTheMarkThatItWrote() throws {
    let first = MarkRecord(
      generation: GenerationID(sequence: 1, random: 2), base: BaseName(0, id: .none), seal: nil)
    #expect(try MarkRecord(first.bytes, sequence: 1) == first)
    let before = Place(GenerationID(sequence: 2, random: 1), transaction: 12, previous: EntryID(9))
    let later = MarkRecord(generation: generation, base: name, seal: before)
    #expect(try MarkRecord(later.bytes, sequence: 3) == later)
    #expect(later.key == "chain/00000003.txt")
  }

  @Test func refusesAMarkThatIsNotThatOfItsName() {
    let first = GenerationID(sequence: 1, random: 2)
    let before = Place(GenerationID(sequence: 2, random: 1), transaction: 12, previous: EntryID(9))
    let wrong: [(MarkRecord, UInt32)] = [
      (MarkRecord(generation: generation, base: name, seal: before), 4),
      (MarkRecord(generation: generation, base: name, seal: nil), 3),
      (MarkRecord(generation: first, base: name, seal: before), 1),
      (MarkRecord(generation: generation, base: BaseName(13, id: name.id), seal: before), 3),
      (MarkRecord(generation: generation, base: BaseName(13, id: name.id), seal: place), 3),
    ]
    for (record, sequence) in wrong {
      let error = thrown(FormatError.self) { try MarkRecord(record.bytes, sequence: sequence) }
      #expect(error?.cause == "it is that of generation \(record.generation)", "\(record)")
    }
  }

  /// Every record with any byte changed, removed or added.
  @Test func refusesEveryDamagedRecord() {
    let lease = LeaseRecord(
      holder: .init(session: session, boot: "b", processStart: 1), since: 1, pruned: 0, last: place)
    let mark = MarkRecord(
      generation: GenerationID(sequence: 1, random: 2), base: BaseName(0, id: .none), seal: nil)
    let start = GenerationRecord(generation: generation, time: 5, reason: "r", seal: place, writer: "w")
    let all: [(bytes: [UInt8], parse: ([UInt8]) throws -> Void)] = [
      (turn().bytes, { [place] in _ = try TurnRecord($0, at: place) }),
      (turn(successor()).bytes, { [place] in _ = try TurnRecord($0, at: place) }),
      (mark.bytes, { _ = try MarkRecord($0, sequence: 1) }),
      (lease.bytes, { _ = try LeaseRecord($0, object: "l") }),
      (start.bytes, { _ = try GenerationRecord($0, object: "g") }),
    ]
    for (bytes, parse) in all {
      for at in bytes.indices {
        var damaged = bytes
        damaged[at] ^= 1
        #expect(throws: FormatError.self, "byte \(at)") { try parse(damaged) }
        #expect(throws: FormatError.self, "\(at) bytes") { try parse(Array(bytes[..<at])) }
      }
      #expect(throws: FormatError.self) { try parse(bytes + [10]) }
    }
  }
}
