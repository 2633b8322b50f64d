internal import Bytes
internal import SQLite

/// Writes changesets in the format of SQLite's session extension.
///
/// Programs that use https://www.sqlite.org/session/changeset_iter.html can apply them.
/// `ext/session/sqlite3session.c` in SQLite's sources describes the format.
package struct Changeset {
  private var buffer: [UInt8] = []
  private var table: TableShape?
  private var isBegun = false

  private static let (insert, delete, update): (UInt8, UInt8, UInt8) = (18, 9, 23)

  package init() {}

  package var bytes: [UInt8] { buffer }

  /// Begins the changes of a table, which must have a primary key.
  package mutating func begin(_ table: TableShape) throws {
    self.table = table
    isBegun = false
  }

  package mutating func add(_ change: RowChange) throws {
    guard let table else { return }
    if !isBegun { writeHeader(table) }
    isBegun = true
    switch (change.before, change.after) {
    case (nil, let row?):
      buffer += [Self.insert, 0]
      for column in table.columns { append(row.value(column) ?? .null) }
    case (let row?, nil):
      buffer += [Self.delete, 0]
      for column in table.columns { append(row.value(column) ?? .null) }
    case (let old?, let new?):
      // If the key changes, the old row is deleted and a new one is inserted.
      if table.primaryKey.contains(where: { old.value($0) != new.value($0) }) {
        try add(RowChange(table: table, key: change.key, before: old, after: nil))
        try add(RowChange(table: table, key: change.key, before: nil, after: new))
        return
      }
      buffer += [Self.update, 0]
      let differing = change.differing
      for column in table.columns {
        let isKept = table.primaryKey.contains(column) || differing.contains(column)
        append(isKept ? old.value(column) ?? .null : nil)
      }
      for column in table.columns { append(differing.contains(column) ? new.value(column) ?? .null : nil) }
    case (nil, nil): break
    }
  }

  private mutating func writeHeader(_ table: TableShape) {
    buffer.append(UInt8(ascii: "T"))
    append(varint: UInt64(table.columns.count))
    for column in table.columns {
      buffer.append(UInt8((table.primaryKey.firstIndex(of: column) ?? -1) + 1))
    }
    buffer += Array(table.name.preservedBytes) + [0]
  }

  /// Appends a value, or the mark of an undefined value if it is nil.
  private mutating func append(_ value: Value?) {
    switch value {
    case nil: buffer.append(0)
    case .integer(let number)?:
      buffer.append(1)
      buffer.appendBigEndian(UInt64(bitPattern: number))
    case .real(let number)?:
      buffer.append(2)
      buffer.appendBigEndian(number.bitPattern)
    case .text(let text)?:
      let bytes = text.preservedBytes
      buffer.append(3)
      append(varint: UInt64(bytes.count))
      buffer += bytes
    case .blob(let bytes)?:
      buffer.append(4)
      append(varint: UInt64(bytes.count))
      buffer += bytes
    case .null?: buffer.append(5)
    }
  }

  /// Appends a number as SQLite's variable-length integer; lengths have at most 31 bits.
  private mutating func append(varint value: UInt64) {
    var groups: [UInt8] = []
    var rest = value
    repeat {
      groups.append(UInt8(rest & 0x7f) | (groups.isEmpty ? 0 : 0x80))
      rest >>= 7
    } while rest > 0
    buffer += groups.reversed()
  }
}
