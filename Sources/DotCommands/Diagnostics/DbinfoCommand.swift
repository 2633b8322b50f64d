internal import Bytes
internal import Files
internal import SQLite
internal import Shell

/// `.dbinfo`: prints the header of a database, and counts of its schema.
struct DbinfoCommand: DotCommand {
  static let spec = CommandSpec(
    name: "dbinfo", shortest: 3, usage: "?DB?", summary: "Show status information about the database")
  private let schema: String
  init(parsing words: inout Words) throws(CommandError) { schema = words.optional() ?? "main" }

  /// Numbers of four bytes, and their offsets
  /// (https://www.sqlite.org/fileformat2.html#the_database_header).
  private static let fields: [(name: String, offset: Int)] = [
    ("file change counter:", 24), ("database page count:", 28), ("freelist page count:", 36),
    ("schema cookie:", 40), ("schema format:", 44), ("default cache size:", 48),
    ("autovacuum top root:", 52), ("incremental vacuum:", 64), ("text encoding:", 56),
    ("user version:", 60), ("application id:", 68), ("software version:", 96),
  ]

  private static let counts = [
    ("number of tables:", "count(*)", "type='table'"), ("number of indexes:", "count(*)", "type='index'"),
    ("number of triggers:", "count(*)", "type='trigger'"), ("number of views:", "count(*)", "type='view'"),
    ("schema size:", "total(length(sql))", "true"),
  ]

  func run(in session: Session) throws {
    let connection = try session.connection
    // Any read makes SQLite read the header first.
    do throws(SQLiteError) {
      _ = try connection.value("PRAGMA \(Identifier.quoted(schema)).schema_version")
    } catch  where error.code.primary == .notADatabase {
      throw CommandError.message("error: \(error.message)")
    } catch {}
    guard let header = Self.header(of: schema, connection) else {
      throw CommandError.message("unable to read database header")
    }
    func show(_ name: String, _ value: String) {
      session.output.print(name + String(repeating: " ", count: max(1, 21 - name.utf8.count)) + value)
    }
    let pageSize = Int(header.bigEndian(UInt16.self, at: 16))
    show("database page size:", String(pageSize == 1 ? 65536 : pageSize))
    show("write format:", String(header[18]))
    show("read format:", String(header[19]))
    show("reserved bytes:", String(header[20]))
    for field in Self.fields {
      let value = header.bigEndian(UInt32.self, at: field.offset)
      let encodings = [1: " (utf8)", 2: " (utf16le)", 3: " (utf16be)"]
      show(field.name, String(value) + (field.offset == 56 ? encodings[Int(value)] ?? "" : ""))
    }
    let table = schema == "temp" ? "sqlite_temp_schema" : "\(Identifier.quoted(schema)).sqlite_schema"
    for (name, value, condition) in Self.counts {
      let query = "SELECT \(value) FROM \(table) WHERE \(condition)"
      switch try? connection.value(query) {
      case .integer(let number): show(name, String(number))
      case .real(let number): show(name, String(Int64(number)))
      default: show(name, "0")
      }
    }
    show("data version", String(connection.control(.dataVersion, schema, 0)))
  }

  /// Returns the first 100 bytes, from the log if they are there; nil if there is no page.
  private static func header(of schema: String, _ connection: Connection) -> [UInt8]? {
    let log = connection.fileName(of: schema).flatMap { try? FileInfo.of($0 + "-wal") }
    if log?.size ?? 0 == 0, let size = try? connection.fileSize(schema), size > 0 {
      return try? connection.readFile(schema, at: 0, count: 100)
    }
    guard let content = connection.content(of: schema), content.count >= 100 else { return nil }
    return Array(content[..<100])
  }
}
