package import SQLite

/// What happened to one row between two moments.
package struct RowChange: Sendable {
  package enum Kind: Sendable { case added, changed, removed }

  /// The table, as it is where the row is, or was.
  package let table: TableShape
  /// The rowid, or the values of the primary key of a table without one.
  package let key: [Value]
  /// Values of the table's stored columns, in order, at the earlier moment; nil if there was no such row.
  package let before: Row?
  /// The same at the later moment.
  package let after: Row?

  /// Values, and the columns that they are of.
  package struct Row: Sendable {
    package let columns: [String]
    package let values: [Value]

    package init(columns: [String], values: [Value]) {
      self.columns = columns
      self.values = values
    }

    package func value(_ column: String) -> Value? {
      columns.firstIndex { $0.lowercased() == column.lowercased() }.map { values[$0] }
    }
  }

  package init(table: TableShape, key: [Value], before: Row?, after: Row?) {
    self.table = table
    self.key = key
    self.before = before
    self.after = after
  }

  package var kind: Kind { before == nil ? .added : after == nil ? .removed : .changed }

  /// Columns that both moments have and whose values differ.
  package var differing: [String] {
    guard let before, let after else { return [] }
    return after.columns.filter { column in
      guard let old = before.value(column), let new = after.value(column) else { return false }
      return !old.isIdentical(to: new)
    }
  }

  /// The change that takes this one back.
  package var inverted: RowChange { RowChange(table: table, key: key, before: after, after: before) }
}

extension Value {
  /// Whether SQLite stores the very same: type and bytes, whatever collations and Unicode say.
  package func isIdentical(to other: Value) -> Bool {
    switch (self, other) {
    case (.null, .null): true
    case (.integer(let a), .integer(let b)): a == b
    case (.real(let a), .real(let b)): a.bitPattern == b.bitPattern
    case (.text(let a), .text(let b)): a.utf8.elementsEqual(b.utf8)
    case (.blob(let a), .blob(let b)): a == b
    default: false
    }
  }
}

/// How two schemas differ.
package struct SchemaChange: Sendable {
  /// `table`, `index`, `trigger` or `view`.
  package let kind: String
  package let name: String
  /// The text at the earlier moment; nil if it was not there.
  package let before: String?
  package let after: String?
}
