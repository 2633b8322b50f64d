import Bytes
import Compression
import Encryption
import Interchange
import ObjectStore
import Replica
import ReplicaFormat
import S3ObjectStore
import WALFormat

/// A parser of outside bytes, for fuzzers and tests.
///
/// If a checksum protects the parser, the target corrects it, so that the code behind it is reached
/// too.
package enum ParserTarget: String, CaseIterable, Sendable {
  case names, manifest, record, turn, mark, lease, position, follow, slice, sliceContent, batch, script, head,
    sealed, ltx, ltxFile, zone, time, varint, logHeader, listing, answer, profile, map, moment,
    interior

  /// Parses any bytes, and returns.
  package func run(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch self {
    case .names: Self.names(text)
    case .manifest: Self.record(bytes) { if let base = try? BaseManifest($0, object: "o") { Self.use(base) } }
    case .record:
      Self.record(bytes) {
        if let record = try? GenerationRecord($0, object: "o") { _ = ISOTime.text(record.time) }
      }
    case .turn: Self.record(bytes, Self.turn)
    case .mark:
      Self.record(bytes) {
        for sequence in [1, 3] as [UInt32] {
          guard let mark = try? MarkRecord($0, sequence: sequence) else { continue }
          _ = mark.base.next(in: mark.generation)
        }
      }
    case .lease:
      Self.record(bytes) {
        guard let lease = try? LeaseRecord($0, object: "o") else { return }
        _ = ISOTime.text(lease.renewed) + ISOTime.text(lease.renewed - lease.since)
        if let last = lease.last { Self.use(last) }
      }
    case .position:
      Self.record(bytes) {
        if let record = try? PositionRecord($0, object: "o") { Self.use(record.place) }
      }
    case .follow: Self.record(bytes) { _ = try? FollowRecord($0, object: "o") }
    case .slice: Self.slice(bytes)
    case .sliceContent: Self.slice(Self.withRightHashes(bytes))
    case .batch: Self.batch(bytes)
    case .script:
      let body = bytes + Array("-- end \(Hash128(bytes, 0..<bytes.count))\n".utf8)
      Self.batch(Zstandard.compress(body, level: 1))
    case .head: _ = StatementScript.firstTime(ofHead: bytes)
    case .sealed: Self.sealed(bytes)
    case .ltx: Self.ltxFile(bytes)
    case .ltxFile: Self.ltxFile(Self.withRightChecksum(bytes))
    case .zone: _ = RecordedInputs.canHold(zone: text)
    case .time: if let time = ISOTime.parse(text) { _ = ISOTime.text(time) }
    case .varint: Self.varints(bytes)
    case .logHeader: if let header = WALHeader(bytes) { _ = header.offset(ofFrame: 7) }
    case .listing:
      Self.answer(Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + bytes) {
        if let page = try? $0.list(prefix: "generations/", after: "generations/0", limit: 1000) {
          for object in page.objects { Self.names(object.key.name) }
        }
      }
    case .answer:
      Self.answer(bytes) { store in
        guard let key = try? ObjectKey("generations/x") else { return }
        Self.sizes(try? store.head(key))
        _ = try? store.get(key, range: nil)
        _ = try? store.get(key, range: 2..<9)
        _ = try? store.put(key, [1, 2, 3], .always)
        _ = try? store.delete(key)
        _ = try? store.list(prefix: "", after: nil, limit: 1000)
      }
    case .profile: PreparedAnswer.readProfile(bytes)
    case .map: Self.map(bytes)
    case .moment: Self.moment(text)
    case .interior: Self.interior(bytes)
    }
  }

  // MARK: Reading the past

  /// A map, and the same with a correct hash; what is read of it must fit the manifest.
  private static func map(_ bytes: [UInt8]) {
    var right = Array(bytes.dropLast(16))
    let hash = Hash128(right, 0..<right.count)
    right.appendLittleEndian(hash.low)
    right.appendLittleEndian(hash.high)
    let manifest = mapManifest
    for bytes in [bytes, right] {
      guard let map = try? BaseMap(bytes, of: manifest, object: "o") else { continue }
      for part in manifest.parts {
        guard let frames = map.frames[part.digest] else { continue }
        precondition(frames.reduce(0) { $0 + $1.size } == part.compressedSize)
      }
      for page in map.pages {
        precondition((1...manifest.state.pages).contains(page.number))
        precondition(page.bytes.count == manifest.state.pageSize)
      }
    }
  }

  /// The base that the maps describe.
  static let mapManifest = BaseManifest(
    generation: GenerationID(sequence: 3, random: 0xabc), name: BaseName(7, id: EntryID(9)), time: 5,
    state: DatabaseState(pageSize: 512, pages: 600, checksum: .zero),
    parts: [
      BaseManifest.Part(
        firstPage: 1, pageCount: 512, digest: String(repeating: "ab", count: 32), compressedSize: 700),
      BaseManifest.Part(
        firstPage: 513, pageCount: 88, digest: String(repeating: "cd", count: 32), compressedSize: 300),
    ])

  private static func moment(_ text: String) {
    for now in [Int64.min / 2, 0, 1_796_049_000_000_000, Int64.max / 2] {
      guard case .time(let time)? = Moment(text, Moment.Clock(now: now) { _ in 3600 }) else { continue }
      _ = ISOTime.text(time)
    }
  }

  /// The children of an interior page that fills the input, as page 1 and as another.
  private static func interior(_ bytes: [UInt8]) {
    let page = bytes.prefix(512) + [UInt8](repeating: 0, count: max(512 - bytes.count, 0))
    for number in [1, 2] as [UInt32] {
      let children = InteriorPage.children(Array(page), 0, page: number, pageSize: 512, pages: 100)
      precondition(children.allSatisfy { $0 > 1 && $0 <= 100 })
    }
  }

  // MARK: Texts

  private static func names(_ text: String) {
    if let generation = GenerationID(text) { _ = GenerationID(after: generation) }
    if let place = Place(key: text) { use(place) }
    for range in [MergedName(key: text)?.transactions, BatchName(key: text)?.transactions] {
      if let range { _ = range.upperBound + 1 + (range.lowerBound - 1) }
    }
    if let base = BaseName(key: text) { use(base.next(in: GenerationID(sequence: 1, random: 2))) }
    _ = EntryID(text)
    if let sequence = ReplicaLayout.markedSequence(of: text) { _ = sequence + 1 }
    _ = ReplicaLayout.isOfEarlierForm(text)
    _ = ReplicaLayout.generation(of: text)
    _ = ReplicaLayout.largestObject(text)
    if let name = LTXName(key: text) { _ = name.transactions.upperBound + name.transactions.lowerBound }
    _ = try? ObjectKey(text)
    _ = text.escapingControls()
  }

  private static func use(_ place: Place) {
    _ = place.transaction - 1 + UInt64(place.part + 1)
    _ = place.key
  }

  /// Parses a turn, which is only read at its own place.
  private static func turn(_ bytes: [UInt8]) {
    _ = TurnRecord.begins(bytes)
    let generation = GenerationID(sequence: 3, random: 0xabc)
    let place = Place(generation, transaction: 8, previous: EntryID(0xfeed))
    guard let turn = try? TurnRecord(bytes, at: place) else { return }
    _ = turn.session.text + ISOTime.text(turn.time)
    guard let successor = turn.successor else { return }
    use(successor.base(seal: turn.id).next(in: successor.generation))
  }

  /// Parses a record unchanged, and with a correct hash.
  private static func record(_ bytes: [UInt8], _ parse: ([UInt8]) -> Void) {
    parse(bytes)
    parse(bytes + Array("end \(Hash128(bytes, 0..<bytes.count))\n".utf8))
  }

  private static func use(_ base: BaseManifest) {
    _ = base.parts.reduce(0) { $0 + $1.compressedSize } + Int(base.state.pages) * base.state.pageSize
    _ = ISOTime.text(base.time)
  }

  private static func batch(_ bytes: [UInt8]) {
    guard let script = try? StatementScript(bytes, object: "o"), let reader = try? script.reader() else {
      return
    }
    // Every other transaction is skipped.
    var isRead = false
    while let transaction = try? reader.nextTransaction() {
      isRead.toggle()
      _ = ISOTime.text(transaction.time)
      guard isRead else { continue }
      while let statement = try? reader.nextStatement() { _ = reader.script[statement.sql].count }
    }
    _ = try? StatementMerge.merge([("o", bytes)], generation: script.generation)
  }

  // MARK: Slices

  private static func slice(_ bytes: [UInt8]) {
    guard let slice = try? SliceReader(bytes, object: "o") else { return }
    let size = slice.header.walHeader.pageSize
    let base = [UInt8](repeating: 7, count: size)
    for commit in slice.commits.indices { _ = slice.end(ofCommit: commit) }
    while slice.nextPage != nil {
      guard (try? slice.next(base: slice.nextNeedsBase ? (base, 0) : nil)) != nil else { break }
    }
    if let tail = try? SliceReader(bytes, object: "o"), (try? tail.skip(commits: 1, checksum: nil)) != nil {
      _ = try? tail.next(base: (base, 0))
    }
    _ = try? SliceMerge.merge([("o", bytes)], stored: 1, created: 1)
  }

  /// Returns a slice of one section with correct hashes.
  private static func withRightHashes(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 40 else { return bytes }
    var bytes = bytes
    bytes.replaceSubrange(0..<9, with: Array("SQLCS3W1".utf8) + [1])
    let size = Int(bytes[9])
    guard size > 20, size < bytes.count else { return bytes }
    var hash = Hash128(bytes, 0..<size - 8)
    for index in 0..<8 { bytes[size - 8 + index] = UInt8(truncatingIfNeeded: hash.low >> UInt64(8 * index)) }
    guard bytes.count >= size + 16 else { return bytes }
    let end = bytes.count - 16
    hash = Hash128(bytes, size..<end)
    for index in 0..<8 {
      bytes[end + index] = UInt8(truncatingIfNeeded: hash.low >> UInt64(8 * index))
      bytes[end + 8 + index] = UInt8(truncatingIfNeeded: hash.high >> UInt64(8 * index))
    }
    return bytes
  }

  private static func varints(_ bytes: [UInt8]) {
    var cursor = FieldCursor(bytes, 0..<bytes.count)
    while cursor.left > 0 {
      guard cursor.varint() != nil, cursor.signedVarint() != nil, cursor.varint(UInt32.self) != nil,
        cursor.fixed(UInt32.self) != nil
      else { break }
    }
  }

  // MARK: What a server sends

  private static let store = try? PreparedAnswer.store()

  private static func answer(_ bytes: [UInt8], _ ask: (S3ObjectStore) -> Void) {
    guard let store else { return }
    PreparedAnswer.give(bytes) { ask(store) }
  }

  private static func sizes(_ info: ObjectInfo?) {
    guard let info else { return }
    _ = ISOTime.text(info.modified)
  }

  // MARK: Other forms

  private static let key = EncryptionKey((0..<32).map { UInt8($0) })

  private static func sealed(_ bytes: [UInt8]) {
    if let header = SealedObject.Header(bytes) { _ = header.sealedSize + header.length }
    _ = SealedObject.contentSize(ofSealed: bytes.count)
    if let key { _ = SealedObject.open(bytes, name: "o", key: key) }
  }

  private static func ltxFile(_ bytes: [UInt8]) {
    let reader = try? LTXReader("o", size: bytes.count, piece: 256) {
      Array(bytes[$0.clamped(to: 0..<bytes.count)])
    }
    guard var reader else { return }
    _ = reader.header.milliseconds * 1000
    while let page = try? reader.next() { _ = page.number }
  }

  /// Ends a file with a correct checksum, as far as its pages can be read.
  private static func withRightChecksum(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > LTXHeader.size else { return bytes }
    var bytes = bytes
    bytes.replaceSubrange(0..<4, with: Array("LTX1".utf8))
    for index in 4..<7 { bytes[index] = 0 }
    bytes[7] &= 3
    return bytes
  }
}
