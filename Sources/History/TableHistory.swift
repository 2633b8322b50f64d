internal import Replica
internal import Restore
internal import SQLite

/// Every version of all rows of a table.
///
/// The table is read once, at the oldest moment. After that, only transactions are looked at that changed one of its pages,
/// and of those only the leaves that differ. Belongs to one thread at a time.
final class TableHistory {
  private let replica: PastReplica
  private let files: PastFiles
  private let table: String
  /// Leaves that were compared, for those who measure.
  private(set) var compared = 0

  init(_ replica: PastReplica, _ files: PastFiles, table: String) {
    self.replica = replica
    self.files = files
    self.table = table
  }

  /// Calls `body` for the rows of the oldest moment, and then for each transaction that changed rows, in order.
  func forEachChange(_ body: RowHistory.Found) throws {
    var last: PageReader?
    for run in try replica.runs() {
      var reader = try replica.open(RestoreTarget(transaction: run.lowerBound))
      if let last {
        let isAfterGap = last.moment.transaction + 1 != run.lowerBound
        let changes = try self.changes(diff(last, reader))
        if !changes.isEmpty { try body(reader.moment, isAfterGap, changes) }
      } else {
        let rows = try self.rows(reader)
        if !rows.isEmpty { try body(reader.moment, true, rows) }
      }
      try follow(&reader, to: run.upperBound, body)
      last = reader
    }
  }

  /// Follows a run of transactions; `reader` is at its end afterwards.
  private func follow(_ reader: inout PageReader, to end: UInt64, _ body: RowHistory.Found) throws {
    var pages = try self.pages(reader)
    while let next = try reader.history.nextChange(
      of: pages, after: reader.moment.transaction, through: end)
    {
      try replica.source.checkInterrupt()
      // What lies between changed none of the table's pages.
      let before = try PageReader(reader.history, at: next - 1)
      let after = try PageReader(reader.history, at: next)
      let diff = try diff(before, after)
      let changes = try self.changes(diff)
      let changed = try reader.history.changed(after: next - 1, through: next)
      reader = after
      if !changes.isEmpty { try body(after.moment, false, changes) }
      // A page that came to the table was written. After another schema, or if the file was written anew, this does not hold.
      if diff.schemaChanges.isEmpty, changed.count < Int(after.pageCount) / 2 {
        pages.formUnion(changed)
      } else {
        pages = try self.pages(reader)
      }
    }
    reader = try PageReader(reader.history, at: end)
  }

  private func diff(_ from: PageReader, _ to: PageReader) throws -> RowDiff {
    try RowDiff(from: from, to: to, files) { [replica] in try replica.source.checkInterrupt() }
  }

  private func changes(_ diff: RowDiff) throws -> [RowChange] {
    defer { compared += diff.compared }
    var found: [RowChange] = []
    try diff.forEachChange(of: table) { found.append($0) }
    return found
  }

  /// All rows at a moment, as if they came with it.
  private func rows(_ reader: PageReader) throws -> [RowChange] {
    var found: [RowChange] = []
    try diff(reader, reader).forEachRow(of: table) { found.append($0) }
    return found
  }

  /// The pages of the table, and those by which SQLite finds it.
  private func pages(_ reader: PageReader) throws -> Set<UInt32> {
    reader.beginRecording()
    let connection = try files.connect(reader)
    defer { connection.close() }
    do {
      let statement = try connection.prepare("SELECT * FROM \(Identifier.quoted(table)) NOT INDEXED")
      while try statement.step() {
        try replica.source.checkInterrupt()
        // Pages of long values are read only if the value is.
        for column in 0..<statement.columnCount { _ = statement.value(at: column) }
      }
    } catch let error as SQLiteError {
      // There is no such table yet, or not any more: then the schema's pages count.
      guard error.code.primary == .error else { throw error }
    }
    return reader.endRecording()
  }
}
