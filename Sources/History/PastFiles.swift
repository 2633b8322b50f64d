internal import Extensions
package import Replica
internal import ReplicaFormat
internal import Restore
package import SQLite

/// Lets SQLite open moments of replicas as databases: `file:NAME?vfs=replica&url=URL&at=MOMENT`.
///
/// Belongs to the session's thread, as the page readers do.
package final class PastFiles {
  /// Opens the moment that a name and the parameters of its URI describe.
  package typealias Open = (_ name: String, _ url: String?, _ moment: String?) throws -> PageReader

  /// The name of the VFS.
  package let vfs: String
  private let open: Open
  /// Readers that this program opens itself, by the temporary names that SQLite opens them with.
  private var waiting: [String: PageReader] = [:]
  private var count = 0

  package init(vfs: String = "replica", open: @escaping Open) {
    self.vfs = vfs
    self.open = open
  }

  /// Registers the VFS with SQLite until the program ends.
  package func register() {
    ReadOnlyFiles.register(vfs) { name, parameter in
      if let reader = self.waiting[name] { return PastFile(reader) }
      return PastFile(try self.open(name, parameter("url"), parameter("at")))
    }
  }

  /// Calls `body` with a name that SQLite can open the reader by.
  package func naming<Result>(
    _ reader: PageReader, _ body: (_ name: String) throws -> Result
  ) rethrows -> Result {
    count += 1
    let name = "past \(count)"
    waiting[name] = reader
    defer { waiting[name] = nil }
    return try body(name)
  }

  /// Returns a new connection to a moment.
  package func connect(_ reader: PageReader) throws -> Connection {
    try naming(reader) { name in
      try Self.prepared(Connection(name, [.readOnly, .uri], vfs: vfs))
    }
  }

  private static func prepared(_ connection: Connection) throws -> Connection {
    try ExtensionTable.install(on: connection, .withinDatabase)
    // What the database holds comes from outside.
    connection.set("defensive", true)
    connection.set("trusted_schema", false)
    return connection
  }

  /// Returns a read-only connection to two database files, in a transaction that shows one state of each.
  static func connect(_ path: String, attaching other: String, as schema: String) throws -> Connection {
    let connection = try prepared(Connection(path, [.readOnly]))
    try connection.execute("ATTACH \(SQLText.literal(other)) AS \(Identifier.quoted(schema))")
    try connection.execute("BEGIN")
    _ = try connection.value("SELECT count(*) FROM sqlite_schema")
    _ = try connection.value("SELECT count(*) FROM \(Identifier.quoted(schema)).sqlite_schema")
    return connection
  }

  /// Attaches a moment to a connection.
  package func attach(_ reader: PageReader, to connection: Connection, as schema: String) throws {
    try naming(reader) { name in
      let uri = "file:\(name.replacingSpaces)?vfs=\(vfs)"
      try connection.execute("ATTACH \(SQLText.literal(uri)) AS \(Identifier.quoted(schema))")
    }
  }
}

extension String {
  fileprivate var replacingSpaces: String { split(separator: " ").joined(separator: "%20") }
}

/// Presents the pages of a moment as a file.
private final class PastFile: ReadOnlyFile {
  private let reader: PageReader
  let size: Int64

  init(_ reader: PageReader) {
    self.reader = reader
    size = Int64(reader.pageCount) * Int64(reader.pageSize)
  }

  func read(at offset: Int64) throws -> (bytes: [UInt8], index: Int, count: Int) {
    let pageSize = Int64(reader.pageSize)
    let (page, rest) = offset.quotientAndRemainder(dividingBy: pageSize)
    do {
      return try reader.withPage(UInt32(page + 1)) { bytes, index in
        (bytes, index + Int(rest), Int(pageSize - rest))
      }
    } catch let error as RestoreError where error.code == .interrupted {
      throw ReadOnlyFiles.Interrupted()
    }
  }
}
