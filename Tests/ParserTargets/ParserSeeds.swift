import Bytes
import Encryption
import Interchange
import ReplicaFormat
import WALFormat

extension ParserTarget {
  /// Valid inputs, with which a fuzzer begins.
  package var seeds: [[UInt8]] {
    let generation = GenerationID(sequence: 3, random: 0xabc)
    let state = DatabaseState(pageSize: 512, pages: 2, checksum: Hash128(high: 1, low: 2))
    let id = EntryID(0xfeed)
    let place = Place(generation, transaction: 8, previous: id)
    let session = TurnRecord.Session(number: 0xabc, host: "a", process: 7, database: "/x y.db")
    switch self {
    case .names:
      return [
        place.key, Place(generation, transaction: 8, part: 2, previous: id).key, "\(generation)", "\(id)",
        MergedName(1...0xff, id: id).key(in: generation), BatchName(1...0xff, id: id).key(in: generation),
        BaseName(7, id: id).key(in: generation), ReplicaLayout.mark(3), ReplicaLayout.record(generation),
        "ltx/9/0000000000000001-0000000000000002.ltx", "0000/0000000000000001-0000000000000002.ltx",
        "lease.txt",
      ].map { Array($0.utf8) }
    case .manifest:
      let part = BaseManifest.Part(
        firstPage: 1, pageCount: 2, digest: String(repeating: "a", count: 64), compressedSize: 99)
      let base = BaseManifest(
        generation: generation, name: BaseName(7, id: id), time: 5, state: state, parts: [part])
      return Self.records(base.bytes)
    case .record:
      return Self.records(
        GenerationRecord(generation: generation, time: 5, reason: "first", seal: place, writer: "me").bytes)
    case .turn:
      let turn = TurnRecord(place: place, id: id, session: session, time: 5, reason: "r")
      return Self.records(turn.bytes) + Self.records(Self.seal(place, session).bytes)
    case .mark:
      let before = Place(
        GenerationID(sequence: 2, random: 1), transaction: 8, part: 2, previous: EntryID(9))
      let mark = MarkRecord(generation: generation, base: BaseName(8, id: id), seal: before)
      return Self.records(mark.bytes)
        + Self.records(
          MarkRecord(
            generation: GenerationID(sequence: 1, random: 2), base: BaseName(0, id: .none), seal: nil
          ).bytes)
    case .lease:
      let holder = LeaseRecord.Holder(session: session, boot: "b", processStart: 8)
      var lease = LeaseRecord(holder: holder, since: 5, pruned: 4, last: place)
      lease.isClosed = true
      return Self.records(lease.bytes)
    case .position:
      let record = PositionRecord(
        url: "file:///x", place: place, entries: [place], session: 5, transaction: 7, state: state,
        position: WALPosition(salt: WALSalt(first: 1, second: 2), frame: 3, checksum: .zero), time: 5,
        unmerged: 2, identity: .init(device: 1, inode: 2, bornNs: 3), isSynced: true, isAtRest: true,
        bytesSinceBase: 5,
        file: .init(size: 1, modifiedNs: 2, inode: 3), keyID: "0123456789abcdef",
        writer: .init(process: 7, durability: "sync"))
      return Self.records(record.bytes)
    case .follow:
      let point = ChainPoint(
        generation: generation, transaction: 7, id: id, time: 5, state: state,
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
    case .map:
      var map = BaseMap()
      for (part, sizes) in zip(Self.mapManifest.parts, [[400, 300], [300]]) {
        map.frames[part.digest] = sizes.map { BaseMap.Frame(size: $0, hash: 5) }
      }
      map.pages = [1, 2, 600].map { ($0, [UInt8](repeating: UInt8($0 % 7), count: 512)) }
      return [map.bytes, BaseMap().bytes]
    case .moment:
      return [
        "before last", "before 17", "yesterday 14:00", "5 minutes ago", "-5m", "21:50:07", "2026-11-30 21:50",
      ]
      .map { Array($0.utf8) }
    case .interior:
      // Two cells, and the last child.
      let head: [UInt8] = [5, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 9, 1, 0, 1, 8]
      var page = head + [UInt8](repeating: 0, count: 512 - head.count)
      (page[0x103], page[0x104], page[0x10b], page[0x10c]) = (7, 4, 8, 6)
      return [page]
    }
  }

  private static func seal(_ place: Place, _ session: TurnRecord.Session) -> TurnRecord {
    TurnRecord(
      place: place, id: EntryID(5), session: session, time: 5, reason: "r",
      successor: .init(
        generation: GenerationID(sequence: place.generation.sequence + 1, random: 3),
        transaction: place.transaction - 1, checksum: Hash128(high: 1, low: 2), isFork: true))
  }

  /// Returns a record, and its lines without the hash.
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
      let frame = WALFrame(page: number, databaseSize: 2)
      page[100] = UInt8(number)
      frame.write(at: 0, in: &page, of: header, continuing: &checksum)
      builder.add(
        frame, page: page, at: 24, base: number == 2 ? ([UInt8](repeating: 13, count: 512), 0) : nil)
      builder.endCommit(time: 9, state: state, checksum: checksum)
    }
    return SealedSlice.object(
      [builder.close(created: 8)], id: EntryID(0xfeed), previous: EntryID(5), session: 9, stored: 7)
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
