import Bytes
import Digest
import Encryption
import ReplicaFormat
import SQLite
import Testing

/// `Docs/Format.md` is enough to read a replica: its examples are what the program writes.
@Suite struct FormatDocumentTests {
  private let document: FormatDocument
  private let object: [UInt8]

  init() throws {
    document = try FormatDocument()
    object = document.slice.flatMap(\.bytes)
  }

  /// The page before transaction 3, as the document describes it.
  private var before: [UInt8] {
    let head: [UInt8] = [0x0d, 0, 0, 0, 1, 1, 0xf8, 0, 1, 0xf8]
    let row: [UInt8] = [0x06, 0x01, 0x02, 0x15, 0x6c, 0x6f, 0x73, 0x74]
    return head + [UInt8](repeating: 0, count: 504 - head.count) + row
  }

  @Test func everyLineOfTheSliceSaysWhatItsBytesAre() throws {
    var at = 0
    for field in document.slice {
      #expect(field.offset == at, "\(field.name)")
      at += field.bytes.count
      #expect(try value(of: field) == field.value, "\(field.name)")
    }
    #expect(at == 157 && document.slice.count == 42)
  }

  private func value(of field: FormatDocument.Field) throws -> String {
    let bytes = field.bytes
    switch field.name {
    case "magic", "stream 2, literals": return String(decoding: bytes, as: UTF8.self)
    case "version", "length of the header": return "\(bytes[0])"
    case "page size":
      return "2 to the power of \(bytes[0] & 0x7f); words of the log's checksums "
        + (bytes[0] & 0x80 == 0 ? "little-endian" : "big-endian")
    case "compressed streams": return bytes[0] == 0 ? "none" : "\(bytes[0])"
    case "salts": return ByHand.bigEndian(bytes[..<4]) + " " + ByHand.bigEndian(bytes[4...])
    case "checksum before the first frame", "checksum after the last frame":
      return ByHand.littleEndian(bytes[..<4]) + " " + ByHand.littleEndian(bytes[4...])
    case "generation, random number", "hash of the header", "hash of the streams",
      "checksum of the database before", "checksum of the database after", "id", "id of the entry before",
      "session":
      return ByHand.littleEndian(bytes)
    case "first transaction - last one in the store", "time when made", "change of the size",
      "time - time when made":
      return "\(ByHand.signedVarint(bytes))"
    default: return "\(ByHand.varint(bytes))"
    }
  }

  /// The steps of the document, with nothing of the program except XXH3.
  @Test func theSliceCanBeReadByHand() throws {
    let header = try document.number("length of the header")
    #expect(try document.value("hash of the header") == lowHalf(Hash128(object, 0..<header - 8)))
    #expect(
      try document.value("hash of the streams") == "\(Hash128(object, header..<object.count - 16))")

    let frame = UInt64(try document.number("frame 1, kind and page"))
    #expect(frame % 4 == 2 && ByHand.signed(frame / 4) == 2)
    var page = before
    let skipped = try document.number("bytes to leave")
    let word = try document.number("w, bytes that differ * 2")
    #expect(try document.number("operations of frame 1") == 1 && word % 2 == 0)
    let literals = Array(try document.value("stream 2, literals").utf8)
    page.replaceSubrange(skipped..<skipped + word / 2, with: literals)
    #expect(String(decoding: page[508...], as: UTF8.self) == "kept")

    #expect(
      try document.number("time when made") + document.number("time - time when made")
        == 1_796_030_685_136_939)
    let size = try document.number("size of the database before") + document.number("change of the size")
    let head: [UInt8] = [0, 0, 0, 2, 0, 0, 0, UInt8(size)]
    let sums = ByHand.checksum((0x60b0_3542, 0x1bd7_ddf7), head + page)
    #expect(sums.0 == 0x4657_0a01 && sums.1 == 0xe349_8b74)
    #expect(try document.value("checksum after the last frame") == "46570a01 e3498b74")

    let printed = try document.value("checksum of the database before")
    let was = try #require(Hash128(printed))
    let changed = Hash128(before, 0..<512, seed: 2) ^ Hash128(page, 0..<512, seed: 2)
    #expect(try document.value("checksum of the database after") == "\(was ^ changed)")
  }

  private func lowHalf(_ hash: Hash128) -> String { String("\(hash)".suffix(16)) }

  /// The program reads the same.
  @Test func theProgramReadsTheSlice() throws {
    let reader = try SliceReader(object, object: "slice")
    #expect(reader.header.generation == GenerationID("00000001-e5e31d46"))
    #expect(
      reader.header.place.key
        == "generations/00000001-e5e31d46/wal/0000000000000003.0001-65174b50ba1fce35")
    #expect(reader.header.entry.id == EntryID("df70af0a0e976bfb") && reader.header.entry.lastTransaction == 3)
    #expect(reader.header.transactions == 3...3 && reader.header.acknowledged == 2)
    #expect(reader.commits.map(\.time) == [1_796_030_685_136_939])
    let frame = try reader.next(base: (before, 0))
    #expect(String(decoding: frame.suffix(4), as: UTF8.self) == "kept")
    #expect(reader.nextPage == nil)
  }

  // MARK: Records

  /// Each record is what the program writes, and names and ids lead from one to the next.
  @Test func theRecordsAreThoseOfAReplica() throws {
    #expect(document.records.count == 6)
    let (markName, markBytes) = try document.record("chain/")
    let mark = try MarkRecord(markBytes, sequence: 2)
    #expect(mark.key == markName && mark.bytes == markBytes)

    let turns = document.records.filter { $0.name.contains("/wal/") }
    let places = try turns.map { try #require(Place(key: $0.name)) }
    let turn = try TurnRecord(turns[0].bytes, at: places[0])
    #expect(turn.successor == nil && turn.bytes == turns[0].bytes)
    let seal = try TurnRecord(turns[1].bytes, at: places[1])
    #expect(seal.bytes == turns[1].bytes && mark.seal == seal.place)
    let successor = try #require(seal.successor)
    #expect(successor.generation == mark.generation && successor.base(seal: seal.id) == mark.base)

    let (baseName, baseBytes) = try document.record("generations/\(mark.generation)/base/")
    let base = try BaseManifest(baseBytes, object: baseName)
    #expect(base.key == baseName && base.name == mark.base && base.bytes == baseBytes)
    #expect(base.state.checksum == successor.checksum)
    let (startName, startBytes) = try document.record("generations/\(mark.generation)/generation")
    let start = try GenerationRecord(startBytes, object: startName)
    #expect(start.bytes == startBytes && start.seal == seal.place && start.generation == mark.generation)

    let (leaseName, leaseBytes) = try document.record("lease")
    let lease = try LeaseRecord(leaseBytes, object: leaseName)
    #expect(lease.bytes == leaseBytes && lease.isClosed)
    // The witness is the place at which the seal was created.
    #expect(lease.last == seal.place && lease.holder.session.number == turn.session.number)
    // The turn stands after the slice of the document.
    let slice = try SliceReader(object, object: "slice")
    #expect(turn.place.previous == slice.header.entry.id && turn.place.transaction == 4)
  }

  // MARK: Test vectors

  @Test func vectorsComeOut() throws {
    #expect(document.vectors.count == 33)
    for vector in document.vectors {
      #expect(try result(of: vector) == vector.result, "\(vector.what) of \(vector.of)")
    }
  }

  private let page = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
  private let key = (0..<32).map { UInt8($0) }
  private let salt = (32..<64).map { UInt8($0) }

  private func derived(_ info: String, _ salt: [UInt8] = []) -> [UInt8] {
    hkdfSHA256(key: key, salt: salt, info: Array(info.utf8))
  }

  private func result(of vector: FormatDocument.Vector) throws -> String {
    switch vector.what {
    case "varint":
      let out = ByteBuffer()
      out.append(varint: try #require(UInt64(vector.of)))
      return ByHand.spaced(out.bytes)
    case "signed varint":
      let out = ByteBuffer()
      out.append(signedVarint: try #require(Int64(vector.of)))
      return ByHand.spaced(out.bytes)
    case "hash of a page":
      return "\(PageHash.of(vector.of == "number 1" ? 1 : 2, page, at: 0, pageSize: 512))"
    case "checksum of a database":
      let hashes = [1, 2].map { PageHash.of($0, page, at: 0, pageSize: 512) }
      return "\(hashes[0] ^ hashes[1])"
    case "`end` of a record":
      let generation = try #require(GenerationID("00000001-d74e0323"))
      let text = String(
        decoding: MarkRecord(generation: generation, base: BaseName(0, id: .none), seal: nil).bytes,
        as: UTF8.self)
      return String(text.suffix(33).prefix(32))
    default: return try secretResult(of: vector)
    }
  }

  private func secretResult(of vector: FormatDocument.Vector) throws -> String {
    let naming = PartNaming(secret: derived("sqlite3-cloud-s3 part names"))
    switch vector.what {
    case "identifier of a key": return try #require(EncryptionKey(key)).id
    case "key of an object": return hex(derived("sqlite3-cloud-s3 object 1", salt))
    case "SECRET": return hex(derived("sqlite3-cloud-s3 part names"))
    case "DIGEST, no key": return PartNaming().digest(sha256: sha256(page))
    case "DIGEST": return naming.digest(sha256: sha256(page))
    case "chunk 0, with its tag":
      let sealed = SealedObject.seal(
        Array("kept".utf8), name: "generations/00000001-d74e0323/generation.txt",
        key: try #require(EncryptionKey(key)), salt: salt)
      return ByHand.spaced(sealed[SealedObject.Header.size...])
    case "values": return try written(vector.of)
    case "`random()` twice": return try drawn("SELECT random() || ' ' || random()")
    case "`randomblob(10)`": return try drawn("SELECT lower(hex(randomblob(10)))")
    default:
      Issue.record("no such vector: \(vector.what)")
      return ""
    }
  }

  /// Returns a parameter's value in a batch, with signs for control characters; it must be read
  /// back, too.
  private func written(_ value: String) throws -> String {
    let words = value.split(separator: " ").map { String($0) }
    let bytes = words.dropFirst().compactMap { UInt8($0, radix: 16) }
    let parsed: Value =
      switch words[0] {
      case "NULL": .null
      case "integer": .integer(try #require(Int64(words[1])))
      case "real": .real(try #require(Double(words[1])))
      case "blob": .blob(bytes)
      default: .text(String(preserving: bytes))
      }
    let lines = ByteBuffer()
    #expect(ParameterLines.append([(":x", parsed)], to: lines))
    let read = try #require(ParameterLines.read(lines.bytes, 0..<lines.count))
    #expect(read.count == 1 && read[0].key == ":x" && read[0].value == parsed)
    let text = String(decoding: lines.bytes, as: UTF8.self).dropLast(3)
    let start = try #require(text.firstRange(of: "(':x',")).upperBound
    let signs: [Character: Character] = ["\u{1}": "␁", "\u{2}": "␂", "\u{3}": "␃", "\n": "␊"]
    return String(text[start...].map { signs[$0] ?? $0 })
  }

  private func drawn(_ sql: String) throws -> String {
    let connection = try Connection(":memory:")
    defer { connection.close() }
    let random = StatementRandom()
    try random.install(on: connection)
    random.begin(seed: 1)
    let rows = try connection.rows(sql)
    guard case .text(let text)? = rows.first?.first else { return "no text" }
    return text
  }
}
