internal import Bytes
internal import Digest

/// The manifest of a base: it names the parts that hold every page of a database at one
/// transaction.
///
/// It is written after all its parts. Without it they do not count.
package struct BaseManifest: Hashable, Sendable {
  /// A run of pages, compressed in one object.
  package struct Part: Hashable, Sendable {
    package let firstPage: UInt32
    package let pageCount: UInt32
    /// The name of the object: 64 hexadecimal digits that `PartNaming` computes from the pages.
    package let digest: String
    /// Length of the object in bytes.
    package let compressedSize: Int

    package init(firstPage: UInt32, pageCount: UInt32, digest: String, compressedSize: Int) {
      self.firstPage = firstPage
      self.pageCount = pageCount
      self.digest = digest
      self.compressedSize = compressedSize
    }
  }

  package let generation: GenerationID
  package let name: BaseName
  /// Microseconds since 1970.
  package let time: Int64
  package let state: DatabaseState
  package let parts: [Part]
  package let naming: PartNaming

  package init(
    generation: GenerationID, name: BaseName, time: Int64, state: DatabaseState, parts: [Part],
    naming: PartNaming = PartNaming()
  ) {
    self.generation = generation
    self.name = name
    self.time = time
    self.state = state
    self.parts = parts
    self.naming = naming
  }

  /// The base is the state after this transaction.
  package var transaction: UInt64 { name.transaction }
  /// Key of the object.
  package var key: String { name.key(in: generation) }

  private static let title = "sqlite3-cloud-s3 base 1"
  /// The maximum bytes of pages that a reader accepts in one part.
  private static let partLimit = 1 << 30

  package var bytes: [UInt8] {
    var record = TextRecord(Self.title)
    record.add("generation", generation)
    record.add("transaction", transaction)
    record.add("entry", name.id)
    record.add("time", time)
    record.add("page-size", state.pageSize)
    record.add("pages", state.pages)
    record.add("checksum", state.checksum)
    if let secret = naming.secret { record.add("naming", hex(secret)) }
    for part in parts {
      record.add("part", "\(part.firstPage) \(part.pageCount) \(part.compressedSize) \(part.digest)")
    }
    return record.bytes
  }

  /// Reads a manifest and checks that its parts hold each page once.
  package init(_ bytes: [UInt8], object: String) throws(FormatError) {
    let record = try TextRecord(bytes, titled: Self.title, object: object)
    let reader = RecordReader(record: record, object: object)
    generation = try reader.value("generation") { GenerationID($0) }
    name = BaseName(
      try reader.value("transaction") { Bounds.transaction($0) },
      id: try reader.value("entry") { EntryID($0) })
    time = try reader.value("time") { Bounds.time($0) }
    state = DatabaseState(
      pageSize: try reader.value("page-size") { Bounds.pageSize($0) },
      pages: try reader.value("pages") { UInt32($0) },
      checksum: try reader.value("checksum") { Hash128($0) })
    naming = PartNaming(
      secret: try record.first("naming").map { text throws(FormatError) in
        guard let secret = Digest.bytes(hex: text) else { throw FormatError(object, "wrong naming") }
        return secret
      })
    var parts: [Part] = []
    var next: UInt64 = 1
    for line in record.all("part") {
      let fields = line.split(separator: " ")
      guard fields.count == 4, let first = UInt32(fields[0]), let count = UInt32(fields[1]),
        let size = Bounds.size(fields[2]), fields[3].utf8.count == 64, UInt64(first) == next, count > 0,
        Int(count) * state.pageSize <= Self.partLimit
      else { throw FormatError(object, "wrong part \"\(line)\"") }
      next += UInt64(count)
      parts.append(
        Part(firstPage: first, pageCount: count, digest: String(fields[3]), compressedSize: size))
    }
    guard next == UInt64(state.pages) + 1 else {
      throw FormatError(object, "its parts do not hold every page")
    }
    self.parts = parts
  }
}
