package import Bytes
package import SQLite

/// Writes SQL that recreates a damaged database, with everything readable
/// (https://www.sqlite.org/recovery.html).
///
/// This target is `.recover`. `PageSource` reads pages, `BTreePage` and `RecordReader` find rows in
/// them, and `Recovery` writes SQL. It uses neither SQLite's b-tree nor the session.
///
///     var recovery = try Recovery(connection) { statement in try output.write(statement) }
///     try recovery.run()
package final class Recovery {
  package struct Options: Sendable {
    /// The table for rows of unknown tables.
    package var lostAndFound = "lost_and_found"
    /// Whether free pages are skipped.
    package var ignoresFreelist = false
    /// Whether row ids are kept if they are no column.
    package var keepsRowIDs = true
    package init() {}
  }

  private let reader: RecordReader
  private let options: Options
  private let print: (ByteBuffer) -> Void
  private let line = ByteBuffer()
  /// An empty database with the schema, so that SQLite explains it.
  private let model: Connection
  private var schema: [SchemaRow] = []
  private var tables: [TableLayout] = []
  private var used: Set<Int> = []
  private lazy var realLiteral: Statement? = try? model.prepare("SELECT quote(?)")

  /// `print` gets statements, each with a line end, and must copy them.
  package init(
    _ source: PageSource, _ options: Options, print: @escaping (ByteBuffer) -> Void
  ) throws(SQLiteError) {
    reader = RecordReader(source)
    self.options = options
    self.print = print
    model = try Connection(":memory:")
  }

  /// Runs everything; no damage stops it.
  package func run() throws(SQLiteError) {
    write("BEGIN;")
    writeSettings()
    try model.execute("PRAGMA writable_schema=ON")
    readSchema()
    writeTables()
    let isLast: (TableLayout) -> Bool = { $0.name.lowercased() == "sqlite_sequence" }
    for table in tables where !isLast(table) { writeRows(of: table) }
    // Before the content of each index is read.
    let rest = schema.filter { !$0.isTable && !$0.isUniqueIndex && (try? model.execute($0.sql)) != nil }
    writeLostAndFound()
    for table in tables where isLast(table) {
      write("DELETE FROM sqlite_sequence;")
      writeRows(of: table)
    }
    for row in rest { write(row.sql + ";") }
    write("PRAGMA writable_schema = off;")
    write("COMMIT;")
  }

  private func write(_ text: String) {
    line.removeAll()
    line.append(text)
    line.append("\n")
    print(line)
  }

  // MARK: The schema

  private func writeSettings() {
    let header = reader.source.header
    func number(_ offset: Int) -> Int64 { Int64(header.bigEndian(Int32.self, at: offset)) }
    let isKnown = header.starts(with: PageSource.magic)
    let encodings = ["UTF-8", "UTF-16le", "UTF-16be"]
    let vacuum = !isKnown || number(52) == 0 ? 0 : number(64) != 0 ? 2 : 1
    write("PRAGMA writable_schema = on;")
    write("PRAGMA encoding = '\(encodings[reader.source.encoding - 1])';")
    write("PRAGMA page_size = '\(reader.source.pageSize)';")
    write("PRAGMA auto_vacuum = '\(vacuum)';")
    write("PRAGMA user_version = '\(isKnown ? number(60) : 0)';")
    write("PRAGMA application_id = '\(isKnown ? number(68) : 0)';")
  }

  private func readSchema() {
    for number in reader.pages(below: 1).sorted() {
      reader.eachRow(of: number) { _, values in
        if let row = SchemaRow(values) { schema.append(row) }
      }
    }
  }

  /// Writes tables, and the indexes that prevent double rows.
  private func writeTables() {
    let sequence = schema.filter { $0.isTable && $0.name.lowercased() == "sqlite_sequence" }
    let others = schema.filter { $0.isTable && $0.name.lowercased() != "sqlite_sequence" }
    for row in sequence + others {
      if row.isVirtual {
        let name = SQLText.literal(row.name)
        let sql =
          "INSERT INTO sqlite_schema VALUES('table', \(name), \(name), 0, \(SQLText.literal(row.sql)))"
        if (try? model.execute(sql)) != nil { write(sql + ";") }
      } else if row.root > 0, (try? model.execute(row.sql)) != nil {
        write(row.sql + ";")
        if let table = TableLayout(row, in: model) { tables.append(table) }
      }
    }
    tables.sort { one, other in order(one) < order(other) }
    for row in schema where row.isUniqueIndex && (try? model.execute(row.sql)) != nil { write(row.sql + ";") }
  }

  private func order(_ table: TableLayout) -> Int {
    schema.firstIndex { $0.isTable && $0.name == table.name } ?? 0
  }

  // MARK: Rows

  private func writeRows(of table: TableLayout) {
    for number in pages(of: table) {
      reader.eachRow(of: number) { rowID, values in
        write(rowID, values, into: table)
      }
    }
  }

  /// Returns the pages below the root; a page of another kind does not belong to this table.
  private func pages(of table: TableLayout) -> [Int] {
    reader.pages(below: table.root).filter { reader.page($0)?.isOfTable == table.hasRowIDs }
  }

  private func write(_ rowID: Int64?, _ values: [Value], into table: TableLayout) {
    line.removeAll()
    line.append("INSERT OR IGNORE INTO ")
    line.append(SQLText.literal(table.name))
    line.append("(")
    var given: [Value] = []
    func add(_ name: String, _ value: Value) {
      if !given.isEmpty { line.append(", ") }
      line.append(name)
      given.append(value)
    }
    if let rowID, table.rowIDColumn == nil, options.keepsRowIDs { add("_rowid_", .integer(rowID)) }
    for (index, column) in table.columns.enumerated() where column.isGiven {
      guard let field = column.field, field < values.count else { continue }
      var value = values[field]
      if index == table.rowIDColumn, let rowID { value = .integer(rowID) }
      add(SQLText.literal(column.name), value)
    }
    guard !given.isEmpty else { return }
    line.append(") VALUES (")
    append(given)
    line.append(");\n")
    print(line)
  }

  private func append(_ values: [Value], onOneLine: Bool = true) {
    for (index, value) in values.enumerated() {
      if index > 0 { line.append(", ") }
      append(value, onOneLine)
    }
  }

  private func append(_ value: Value, _ onOneLine: Bool) {
    switch value {
    case .null: line.append("NULL")
    case .integer(let number): line.append(decimal: number)
    case .real(let number) where number.isInfinite: line.append(number < 0 ? "-9.0e+999" : "9.0e+999")
    case .real: append(real: value)
    case .blob(let bytes): append(blob: bytes)
    case .text(let text):
      let bytes = text.preservedBytes
      // A literal would end at the zero byte.
      if bytes.contains(0) {
        line.append("CAST(")
        append(blob: bytes)
        line.append(" AS TEXT)")
      } else if onOneLine {
        line.append(oneLineLiteral: bytes, spaced: true)
      } else {
        line.append(bytes, as: .sql)
      }
    }
  }

  private func append(real value: Value) {
    guard let statement = realLiteral, (try? statement.bind(value, at: 1)) != nil,
      (try? statement.step()) == true
    else { return line.append("NULL") }
    statement.appendText(at: 0, to: line)
    statement.reset()
  }

  private func append(blob bytes: [UInt8]) {
    line.append("X'")
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in bytes {
      line.append(digits[Int(byte >> 4)])
      line.append(digits[Int(byte & 15)])
    }
    line.append("'")
  }

  // MARK: Lost and found

  /// Writes rows of pages that no table leads to.
  private func writeLostAndFound() {
    used.formUnion(reader.pages(below: 1).filter { reader.page($0)?.isOfTable == true })
    for table in tables { used.formUnion(pages(of: table)) }
    for index in schema where index.type == "index" && index.root > 0 {
      used.formUnion(reader.pages(below: index.root).filter { isPage($0, of: index) })
    }
    if options.ignoresFreelist { used.formUnion(reader.source.freePages) }
    let count = reader.source.pageCount
    guard count > 0 else { return }
    let lost = (1...count).filter { !used.contains($0) }
    var parents: [Int: Int] = [:]
    var most = 0
    for number in lost {
      for child in reader.page(number)?.children ?? [] where child != number { parents[child] = number }
      reader.eachRow(of: number) { _, values in most = max(most, values.count) }
    }
    guard most > 0 else { return }
    let name = lostAndFoundName()
    let columns = (0..<most).map { ", c\($0)" }.joined()
    let sql =
      "CREATE TABLE \(name)(rootpgno INTEGER, pgno INTEGER, nfield INTEGER, id INTEGER\(columns))"
    try? model.execute(sql)
    write(sql + ";")
    for number in lost {
      let root = root(of: number, parents)
      reader.eachRow(of: number) { rowID, values in
        line.removeAll()
        line.append("INSERT INTO ")
        line.append(name)
        line.append(" VALUES(")
        let padding = Array(repeating: Value.null, count: most - values.count)
        let place = [root, number, values.count].map { Value.integer(Int64($0)) }
        append(place + [rowID.map(Value.integer) ?? .null] + values + padding, onOneLine: false)
        line.append(");\n")
        print(line)
      }
    }
  }

  /// Returns whether a page belongs to this index, and not to a table without row ids below its
  /// root.
  private func isPage(_ number: Int, of index: SchemaRow) -> Bool {
    guard reader.page(number)?.isOfTable == false else { return false }
    let fields = ((try? model.rows("PRAGMA index_xinfo(\(SQLText.literal(index.name)))")) ?? []).count
    guard fields > 0 else { return true }
    var (isEmpty, fits) = (true, false)
    reader.eachRow(of: number) { _, values in
      isEmpty = false
      if values.count == fields { fits = true }
    }
    return isEmpty || fits
  }

  /// Returns the topmost page above this one.
  private func root(of number: Int, _ parents: [Int: Int]) -> Int {
    var root = number
    var seen: Set = [number]
    while let parent = parents[root], seen.insert(parent).inserted { root = parent }
    return root
  }

  private func lostAndFoundName() -> String {
    let taken = Set(schema.map { $0.name.lowercased() })
    let wanted = options.lostAndFound
    var name = wanted
    var number = 0
    while taken.contains(name.lowercased()) {
      name = "\(wanted)_\(number)"
      number += 1
    }
    return Identifier.quotedIfNeeded(name)
  }
}
