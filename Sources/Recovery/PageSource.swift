internal import Bytes
internal import Files
package import SQLite

/// The pages of a database, also with a damaged header.
///
/// If there is a log, the pages are those of a copy that SQLite makes with it.
package final class PageSource {
  package let pageSize: Int
  /// Bytes of a page that SQLite uses.
  package let usableSize: Int
  package let pageCount: Int
  /// The first 100 bytes.
  package let header: [UInt8]
  private let read: (Int64, Int) -> [UInt8]?
  /// The last pages that were read, because a walk returns to those above.
  private var kept: [Int: [UInt8]] = [:]
  private static let mostKept = 256
  // The copy lives as long as it is read.
  private let holder: [AnyObject]

  /// Reads a schema of a connection, which may have no content at all.
  package init(_ connection: Connection, _ schema: String = "main") throws(SQLiteError) {
    var holder: [AnyObject] = [connection]
    var size: Int64 = (try? connection.fileSize(schema)) ?? 0
    var read: (Int64, Int) -> [UInt8]? = { offset, count in
      try? connection.readFile(schema, at: offset, count: count)
    }
    if size == 0 {
      let content = connection.content(of: schema) ?? []
      size = Int64(content.count)
      read = { offset, count in
        let from = min(Int(offset), content.count)
        let part = Array(content[from..<min(from + count, content.count)])
        return part + [UInt8](repeating: 0, count: count - part.count)
      }
    } else if let copy = Self.copy(connection, schema) {
      holder += [copy.connection, copy.folder]
      size = try copy.connection.fileSize()
      let connection = copy.connection
      read = { offset, count in try? connection.readFile("main", at: offset, count: count) }
    }
    self.read = read
    self.holder = holder
    header = read(0, 100) ?? [UInt8](repeating: 0, count: 100)
    if size > 0 {
      let declared = Self.declaredSize(header)
      let isTrusted = Self.isTrustworthy(header)
      pageSize = isTrusted ? declared ?? Self.likelySize(size, read) : Self.likelySize(size, read, declared)
    } else {
      let size = (try? connection.value("PRAGMA page_size")) ?? .null
      if case .integer(let size) = size { pageSize = Int(size) } else { pageSize = 4096 }
    }
    let reserved = Self.isTrustworthy(header) ? Int(header[20]) : 0
    usableSize = pageSize - reserved >= 480 ? pageSize - reserved : pageSize
    pageCount = Int((size + Int64(pageSize) - 1) / Int64(pageSize))
  }

  /// Returns a copy of a database with frames in its log; nil if there is no log or no copy can be
  /// made.
  private static func copy(
    _ connection: Connection, _ schema: String
  ) -> (connection: Connection, folder: TemporaryFolder)? {
    guard let name = connection.fileName(of: schema), !name.isEmpty,
      let log = try? FileInfo.of(name + "-wal"), log.size > 0, let folder = try? TemporaryFolder(),
      let target = try? Connection(folder.path + "/copy.db"),
      (try? Backup.copy(connection, schema, to: target, "main")) == .done
    else { return nil }
    return (target, folder)
  }

  /// Returns page `number`, counted from 1, with zeros past the end; nil if there is none.
  package func page(_ number: Int) -> [UInt8]? {
    guard number >= 1, number <= pageCount else { return nil }
    if let page = kept[number] { return page }
    guard let page = read(Int64(number - 1) * Int64(pageSize), pageSize) else { return nil }
    if kept.count >= Self.mostKept { kept.removeAll(keepingCapacity: true) }
    kept[number] = page
    return page
  }

  // MARK: The header

  static let magic = Array("SQLite format 3\0".utf8)

  private static func declaredSize(_ header: [UInt8]) -> Int? {
    let size = Int(header.bigEndian(UInt16.self, at: 16))
    if size == 1 { return 65536 }
    return isSize(size) ? size : nil
  }

  /// Returns whether the constant bytes around the page size are right.
  private static func isTrustworthy(_ header: [UInt8]) -> Bool {
    header.starts(with: magic) && (1...2).contains(header[18]) && (1...2).contains(header[19])
      && header[21...23].elementsEqual([64, 32, 32])
  }

  private static func isSize(_ size: Int) -> Bool { size >= 512 && size <= 65536 && size & (size - 1) == 0 }

  /// Returns the most plausible page size: the declared one, unless another fits twice as many
  /// pages.
  private static func likelySize(
    _ fileSize: Int64, _ read: (Int64, Int) -> [UInt8]?, _ declared: Int? = nil
  ) -> Int {
    var best = (size: declared ?? 4096, share: 0.0)
    for shift in 9...16 {
      let size = 1 << shift
      let count = Int(fileSize) / size
      guard count > 0 else { break }
      var good = 0
      var seen = 0
      // A sample is enough for a large file.
      for number in stride(from: 0, to: count, by: max(1, count / 512)) {
        seen += 1
        guard let page = read(Int64(number) * Int64(size), size) else { continue }
        if BTreePage(page, number: number + 1, usableSize: size)?.looksSound == true { good += 1 }
      }
      let share = Double(good) / Double(seen) * (size == declared ? 2 : 1)
      if share > best.share { best = (size, share) }
    }
    return best.size
  }

  /// The encoding of texts: 1 UTF-8, 2 UTF-16 little endian, 3 big endian.
  ///
  /// It is the header's, unless the schema on the first page clearly has another one.
  package private(set) lazy var encoding: Int = {
    let value = Int(header.bigEndian(UInt32.self, at: 56))
    let declared = (1...3).contains(value) ? value : 1
    let schema = (page(1) ?? []).dropFirst(100)
    let word = Array("CREATE ".utf8)
    let forms = [word, word.flatMap { [$0, 0] }, word.flatMap { [0, $0] }]
    func isSeen(_ encoding: Int, after isBefore: (UInt8) -> Bool = { _ in true }) -> Bool {
      let form = forms[encoding - 1]
      return schema.indices.contains { isBefore(schema[$0]) && schema[($0 + 1)...].starts(with: form) }
    }
    if isSeen(declared) { return declared }
    if isSeen(1) { return 1 }
    // From its second byte on, big endian reads like little endian.
    if isSeen(2, after: { $0 != 0 }) { return 2 }
    return isSeen(3) ? 3 : declared
  }()
}
