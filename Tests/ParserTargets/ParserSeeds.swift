import Bytes
import Encryption
import Interchange
import ReplicaFormat
import WALFormat

extension ParserTarget {
  /// Inputs that are right, from which a fuzzer begins.
  package var seeds: [[UInt8]] {
    let generation = GenerationID(sequence: 3, random: 0xabc)
    let state = DatabaseState(pageSize: 512, pages: 2, checksum: Hash128(high: 1, low: 2))
    switch self {
    case .names:
      return [
        "generations/00000003-00000abc/wal/\(SliceName(1...2))", "00000003-00000abc",
        ReplicaLayout.statements(generation, 1...0xff), ReplicaLayout.base(generation, transaction: 7),
        "ltx/9/0000000000000001-0000000000000002.ltx", "0000/0000000000000001-0000000000000002.ltx",
        "lease.txt",
      ].map { Array($0.utf8) }
    case .manifest:
      let part = BaseManifest.Part(
        firstPage: 1, pageCount: 2, digest: String(repeating: "a", count: 64), compressedSize: 99)
      let base = BaseManifest(generation: generation, transaction: 7, time: 5, state: state, parts: [part])
      return Self.records(base.bytes)
    case .record:
      let record = GenerationRecord(
        generation: generation, time: 5, reason: "first", predecessor: generation, writer: "me")
      return Self.records(record.bytes)
        + Self.records(CompletionRecord(generation: generation, transaction: 7).bytes)
    case .lease:
      let holder = LeaseRecord.Holder(
        writer: 0xabc, host: "a", boot: "b", process: 7, processStart: 8, database: "/x y.db")
      var lease = LeaseRecord(epoch: 2, holder: holder, since: 5, honoursConditions: true, pruned: 4)
      lease.last = LeaseRecord.End(generation: generation, transaction: 12)
      lease.generation = generation
      lease.isReleased = true
      return Self.records(lease.bytes)
    case .index:
      let index = IndexRecord(
        generation: generation, bases: [7], slices: [.init(SliceName(8...9), size: 10)],
        batches: [.init(5...10, size: 3)])
      return Self.records(index.bytes)
    case .position:
      let record = PositionRecord(
        url: "file:///x", generation: generation, transaction: 7, state: state,
        position: WALPosition(salt: WALSalt(first: 1, second: 2), frame: 3, checksum: .zero), isAtRest: true,
        bytesSinceBase: 5, file: .init(size: 1, modifiedNs: 2, inode: 3), keyID: "0123456789abcdef",
        writer: .init(process: 7, durability: "sync"))
      return Self.records(record.bytes)
    case .follow:
      let point = ChainPoint(
        generation: generation, transaction: 7, time: 5, state: state,
        position: WALPosition(salt: WALSalt(first: 1, second: 2), frame: 3, checksum: .zero))
      let header = [UInt8](repeating: 1, count: CopyHeader.size)
      return Self.records(FollowRecord(url: "u", point: point, header: header, counter: 1, cookie: 2).bytes)
    case .slice, .sliceContent: return [Self.slice(generation, state)]
    case .batch, .head: return [Self.batch(generation)]
    case .script:
      return [
        Array(
          ("-- sqlite3-cloud-s3 statements 1\n-- generation \(generation)\n-- transactions 1 2\n"
            + "-- transaction 1 time=10 statements=2 wal=0000000100000002:3 session=0000000000000001 settings=24 text=94\n"
            + "PRAGMA foreign_keys=1; \n\nBEGIN;\n-- statement bytes=9 changes=1 now=5 seed=7 rowid=-3 total=4 counts=1*2,3*4"
            + " zone=UTC0 took=5\nSELECT 1;\n-- statement bytes=8 changes=0 error=19\nSELECT 2\n;\nCOMMIT;\n"
            + "-- transaction 2 time=11 statements=0 barrier=a backup\n").utf8)
      ]
    case .sealed:
      guard let key = EncryptionKey((0..<32).map { UInt8($0) }) else { return [] }
      return [
        SealedObject.seal(Array("content".utf8), name: "o", key: key, salt: [UInt8](repeating: 5, count: 32))
      ]
    case .ltx, .ltxFile:
      var writer = LTXWriter(LTXHeader(pageSize: 512, pageCount: 2, transactions: 1...2, milliseconds: 7))
      writer.add([UInt8](repeating: 1, count: 512), number: 1)
      writer.add([UInt8](repeating: 2, count: 512), number: 2)
      writer.finish()
      return [writer.bytes]
    case .zone: return ["Europe/Berlin", ":UTC0", "<+03>-3"].map { Array($0.utf8) }
    case .time: return ["2026-11-30T01:02:03.456789+02:30", "0001-01-01"].map { Array($0.utf8) }
    case .varint: return [[0x80, 0x01, 0xff, 0xff, 0x03, 7, 1, 2, 3, 4]]
    case .logHeader:
      let header = WALHeader(
        bigEndian: true, pageSizeExponent: 12, restarts: 1, salt: WALSalt(first: 1, second: 2))
      return [header?.bytes ?? []]
    case .listing: return [ServerSeeds.listing, ServerSeeds.error].map { Array($0.utf8) }
    case .answer: return ServerSeeds.answers.map { Array($0.utf8) }
    case .profile: return [Array(ServerSeeds.profile.utf8)]
    }
  }

  /// A record, and its lines without the hash.
  private static func records(_ bytes: [UInt8]) -> [[UInt8]] {
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = text.split(separator: "\n").dropLast().joined(separator: "\n") + "\n"
    return [bytes, Array(lines.utf8)]
  }

  private static func slice(_ generation: GenerationID, _ state: DatabaseState) -> [UInt8] {
    guard
      let header = WALHeader(
        bigEndian: false, pageSizeExponent: 9, restarts: 0, salt: WALSalt(first: 3, second: 4))
    else { return [] }
    let builder = SliceBuilder(
      walHeader: header, generation: generation, firstTransaction: 8, start: WALPosition(startOf: header),
      previous: state)
    var checksum = header.checksum
    var page = [UInt8](repeating: 13, count: 24 + 512)
    for number in [1, 2] as [UInt32] {
      let frame = WALFrame(page: number, databaseSize: number == 2 ? 2 : 0)
      page[100] = UInt8(number)
      frame.write(at: 0, in: &page, of: header, continuing: &checksum)
      builder.add(
        frame, page: page, at: 24, base: number == 2 ? ([UInt8](repeating: 13, count: 512), 0) : nil)
    }
    builder.endCommit(time: 9, state: state, checksum: checksum)
    return builder.seal(acknowledged: 7, created: 8).bytes
  }

  private static func batch(_ generation: GenerationID) -> [UInt8] {
    var builder = StatementBatchBuilder(generation: generation, session: 1)
    var group = StatementGroup()
    let sql = ByteBuffer()
    sql.append("INSERT INTO t VALUES(1);" as StaticString)
    group.append(sql, changes: 1, error: nil, took: 3)
    group.append(sql, changes: 1, error: 19)
    builder.add(group, transaction: 1, time: 10, end: nil)
    builder.add(StatementGroup(barrier: "a backup"), transaction: 2, time: 11, end: nil)
    return builder.seal()?.bytes ?? []
  }
}
