internal import Bytes
internal import WALFormat

/// Fields of fixed width first, then varints, then the first half of their hash.
extension SliceHeader {
  private static let hashSize = 8

  var bytes: [UInt8] {
    let out = ByteBuffer(capacity: Self.most)
    out.append(Self.magic)
    out.append(Self.version)
    out.append(0)
    out.append(UInt8(walHeader.pageSize.trailingZeroBitCount) | (walHeader.bigEndian ? 0x80 : 0))
    out.append(content.compressed)
    var fixed: [UInt8] = []
    fixed.appendLittleEndian(generation.random)
    fixed.appendBigEndian(walHeader.salt.first)
    fixed.appendBigEndian(walHeader.salt.second)
    for sum in [start.first, start.second, end.first, end.second] { fixed.appendLittleEndian(sum) }
    fixed.appendLittleEndian(previous.checksum.low)
    fixed.appendLittleEndian(previous.checksum.high)
    for number in [entry.id.value, entry.previous.value, entry.session] { fixed.appendLittleEndian(number) }
    out.append(fixed)
    out.append(varint: UInt64(generation.sequence))
    out.append(varint: transactions.lowerBound)
    out.append(varint: transactions.upperBound - transactions.lowerBound)
    out.append(varint: entry.lastTransaction - transactions.upperBound)
    for number in [part, parts, Int(walHeader.restarts), firstFrame, frameCount, commitCount] {
      out.append(varint: UInt64(number))
    }
    out.append(varint: UInt64(previous.pages))
    out.append(signedVarint: Int64(bitPattern: transactions.lowerBound &- acknowledged))
    out.append(signedVarint: created)
    for size in content.sizes { out.append(varint: UInt64(size)) }
    out.append(varint: UInt64(content.tablesLength))
    if let largestPage { out.append(varint: UInt64(largestPage)) }
    var bytes = out.bytes
    precondition(bytes.count + Self.hashSize <= Self.most)
    bytes[9] = UInt8(bytes.count + Self.hashSize)
    bytes.appendLittleEndian(Hash128(bytes, 0..<bytes.count).low)
    return bytes
  }

  /// Fails (nil) if the bytes are damaged.
  init?(fields bytes: [UInt8]) {
    let size = Int(bytes[9])
    guard size > 12 + Self.hashSize, size <= bytes.count,
      bytes.littleEndian(at: size - Self.hashSize) == Hash128(bytes, 0..<size - Self.hashSize).low
    else { return nil }
    var fields = FieldCursor(bytes, 12..<size - Self.hashSize)
    func sums() -> WALChecksum? {
      guard let first = fields.fixed(UInt32.self), let second = fields.fixed(UInt32.self) else { return nil }
      return WALChecksum(first: first, second: second)
    }
    func count() -> Int? { fields.varint(UInt32.self).map { Int($0) } }
    guard let random = fields.fixed(UInt32.self), let salts = fields.take(8), let start = sums(),
      let end = sums(),
      let low = fields.fixed(UInt64.self), let high = fields.fixed(UInt64.self),
      let id = fields.fixed(UInt64.self), let previous = fields.fixed(UInt64.self),
      let session = fields.fixed(UInt64.self),
      let sequence = fields.varint(UInt32.self), let first = fields.varint(), let more = fields.varint(),
      first <= Bounds.lastTransaction, more <= Bounds.lastTransaction, let rest = fields.varint(),
      rest <= Bounds.lastTransaction, let part = count(), let parts = count(),
      let restarts = fields.varint(UInt32.self), let firstFrame = count(), let frameCount = count(),
      let commitCount = count(), let pages = fields.varint(UInt32.self), let behind = fields.signedVarint(),
      let created = fields.signedVarint(),
      let walHeader = WALHeader(
        bigEndian: bytes[10] & 0x80 != 0, pageSizeExponent: bytes[10] & 0x7f, restarts: restarts,
        salt: WALSalt(first: salts.bigEndian(at: 0), second: salts.bigEndian(at: 4)))
    else { return nil }
    var sizes: [Int] = []
    for _ in 0..<SliceStream.allCases.count {
      guard let size = fields.varint(UInt32.self) else { return nil }
      sizes.append(Int(size))
    }
    guard let tables = fields.varint(UInt32.self) else { return nil }
    self.init(
      generation: GenerationID(sequence: sequence, random: random), transactions: first...first + more,
      part: part, parts: parts, walHeader: walHeader, firstFrame: firstFrame, frameCount: frameCount,
      commitCount: commitCount, start: start, end: end,
      previous: DatabaseState(
        pageSize: walHeader.pageSize, pages: pages, checksum: Hash128(high: high, low: low)),
      acknowledged: first &- UInt64(bitPattern: behind), created: created,
      content: SliceContent(
        sizes: sizes, compressed: bytes[11], tablesLength: Int(tables)),
      entry: Entry(
        id: EntryID(id), previous: EntryID(previous), session: session, lastTransaction: first + more + rest))
    if parts > 1 { largestPage = fields.varint(UInt32.self) }
    self.size = size
  }
}
