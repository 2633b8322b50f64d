import Bytes
import ReplicaFormat
import Testing
import WALFormat

@Suite struct RecordTests {
  private let generation = GenerationID(sequence: 3, random: 0xabc)
  private let state = DatabaseState(pageSize: 4096, pages: 30, checksum: Hash128(high: 1, low: .max))

  private var manifest: BaseManifest {
    let digest = String(repeating: "a", count: 64)
    return BaseManifest(
      generation: generation, transaction: 12, time: 99, state: state,
      parts: [
        .init(firstPage: 1, pageCount: 20, digest: digest, compressedSize: 5),
        .init(firstPage: 21, pageCount: 10, digest: digest, compressedSize: 6),
      ])
  }

  @Test func readsTheManifestThatItWrote() throws {
    #expect(try BaseManifest(manifest.bytes, object: "m") == manifest)
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
      generation: generation, transaction: 12, time: 99, state: state, parts: [manifest.parts[0]])
    #expect(throws: FormatError.self) { try BaseManifest(short.bytes, object: "m") }
  }

  @Test func readsThePositionThatItWrote() throws {
    let record = PositionRecord(
      url: "s3://bucket/a b", generation: generation, transaction: 7, state: state,
      position: WALPosition(
        salt: WALSalt(first: 1, second: 2), frame: 9, checksum: WALChecksum(first: 3, second: 4)),
      isAtRest: true, bytesSinceBase: 12, file: .init(size: 1, modifiedNs: 2, inode: 3))
    #expect(try PositionRecord(record.bytes, object: "p") == record)
  }

  @Test func readsTheGenerationThatItWrote() throws {
    let record = GenerationRecord(generation: generation, time: 5, reason: "why\nnot", predecessor: nil)
    #expect(try GenerationRecord(record.bytes, object: "g").reason == "why not")
    #expect(GenerationID("\(generation)") == generation)
    #expect(GenerationID("00000003-abc") == nil)
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
      // Some bits of a zstd frame mean nothing; then the content is the same.
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
    let holder = LeaseRecord.Holder(
      writer: 0xabc, host: "a", boot: "", process: 7, processStart: 8, database: "/x y.db")
    var record = LeaseRecord(epoch: 2, holder: holder, since: 5, honoursConditions: true, pruned: 4)
    #expect(try LeaseRecord(record.bytes, object: "l") == record)
    #expect(record.last == nil)
    record.last = LeaseRecord.End(generation: generation, transaction: 12)
    record.isReleased = true
    #expect(try LeaseRecord(record.bytes, object: "l") == record)
    #expect(String(decoding: record.bytes, as: UTF8.self).contains("\nlast 00000003-00000abc 12\n"))
  }
}
