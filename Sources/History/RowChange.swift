package import SQLite

/// Describes how one row differs between two moments.
package struct RowChange: Sendable {
  package enum Kind: Sendable { case added, changed, removed }

  /// The table's schema at a moment that has the row.
  package let table: TableShape
  /// The rowid, or the values of the primary key if the table has no rowids.
  package let key: [Value]
  /// The row's values at the earlier moment, in the order of the stored columns; nil if the row did
  /// not exist.
  package let before: Row?
  /// The row's values at the later moment; nil if the row does not exist.
  package let after: Row?

  /// The values of a row with the names of their columns.
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

  /// The columns that exist at both moments with different values.
  package var differing: [String] {
    guard let before, let after else { return [] }
    return after.columns.filter { column in
      guard let old = before.value(column), let new = after.value(column) else { return false }
      return !old.isIdentical(to: new)
    }
  }

  /// The opposite change, which undoes this one.
  package var inverted: RowChange { RowChange(table: table, key: key, before: after, after: before) }
}

extension Value {
  /// Returns whether both have the same type and bytes, without regard to collations and Unicode
  /// equivalence.
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

/// Describes how one entry differs between two schemas.
package struct SchemaChange: Sendable {
  /// `table`, `index`, `trigger` or `view`.
  package let kind: String
  package let name: String
  /// The SQL text at the earlier moment; nil if the entry did not exist.
  package let before: String?
  package let after: String?
}
