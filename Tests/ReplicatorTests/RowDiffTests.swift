import Files
import Foundation
import History
import Replica
import Restore
import SQLite
import TestSupport
import Testing

/// Tests row changes against the rows of two restores.
@Suite struct RowDiffTests {
  /// Returns every row of a restored database by table, key and values.
  private func rows(_ path: String) throws -> (shape: SchemaShape, rows: [String: [String: String]]) {
    let connection = try Connection(path, [.readWrite])
    defer { connection.close() }
    let shape = try SchemaShape(connection)
    var found: [String: [String: String]] = [:]
    for (name, table) in shape.tables {
      let keys = table.hasRowID ? [table.rowID ?? "rowid"] : table.primaryKey
      let columns = (keys + table.columns).map { Identifier.quoted($0) }.joined(separator: ",")
      var byKey: [String: String] = [:]
      for row in try connection.rows("SELECT \(columns) FROM \(Identifier.quoted(table.name))") {
        byKey[text(Array(row[..<keys.count]))] = text(Array(row[keys.count...]), table.columns)
      }
      found[name] = byKey
    }
    return (shape, found)
  }

  private func text(_ values: [Value], _ columns: [String] = []) -> String {
    values.enumerated().map { columns.isEmpty ? "\($1)" : "\(columns[$0])=\($1)" }.joined(separator: " | ")
  }

  private func expected(_ old: String, _ new: String) throws -> [String] {
    let (before, after) = (try rows(old), try rows(new))
    var found: [String] = []
    for name in Set(before.rows.keys).union(after.rows.keys) {
      let (a, b) = (before.rows[name] ?? [:], after.rows[name] ?? [:])
      let common = before.shape.tables[name]?.columns.filter {
        after.shape.tables[name]?.columns.contains($0) ?? false
      }
      for key in Set(a.keys).union(b.keys) where a[key] != b[key] {
        // An added or dropped column does not change a row.
        if let old = a[key], let new = b[key], let common {
          func only(_ text: String) -> [String] {
            text.components(separatedBy: " | ").filter { part in common.contains { part.hasPrefix("\($0)=") }
            }
          }
          if only(old) == only(new) { continue }
        }
        found.append("\(name) \(key): \(a[key] ?? "-") -> \(b[key] ?? "-")")
      }
    }
    return found.sorted()
  }

  private func found(_ diff: RowDiff) throws -> [String] {
    var found: [String] = []
    for name in diff.tableNames {
      try diff.forEachChange(of: name) { change in
        let old = change.before.map { text($0.values, $0.columns) } ?? "-"
        let new = change.after.map { text($0.values, $0.columns) } ?? "-"
        found.append("\(name) \(text(change.key)): \(old) -> \(new)")
      }
    }
    return found.sorted()
  }

  @Test(arguments: UInt64(21)...32)
  func diffEqualsANaiveComparison(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed)
    var random = Seeded(seed)
    let files = PastFiles(vfs: "diff-\(seed)") { _, _, _ in throw NotAsked() }
    files.register()
    let past = replica.past()
    for _ in 0..<8 {
      let from = random.next() % (replica.last + 1)
      let to = random.next() % 2 == 0 ? min(from + 1, replica.last) : random.next() % (replica.last + 1)
      let first = try past.open(GeneratedReplica.target(from))
      let second = try past.open(GeneratedReplica.target(to), near: first)
      let diff = try RowDiff(from: first, to: second, files)
      let wanted = try expected(
        replica.fixture.restore(.wal, "from.db", GeneratedReplica.target(from)),
        replica.fixture.restore(.wal, "to.db", GeneratedReplica.target(to)))
      let got = try self.found(diff)
      #expect(
        got == wanted,
        "\(from) to \(to) of seed \(seed): lacks \(Set(wanted).subtracting(got).prefix(3).map { $0.prefix(200) }), has too much \(Set(got).subtracting(wanted).prefix(3).map { $0.prefix(200) })"
      )
    }
  }

  /// SQLite reads every page through the VFS.
  @Test(arguments: UInt64(41)...46)
  func sqliteReadsThePastAsTheRestoredFile(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed)
    let files = PastFiles(vfs: "past-\(seed)") { _, _, _ in throw NotAsked() }
    files.register()
    let past = replica.past()
    for transaction in replica.someTransactions(4) {
      let reader = try past.open(GeneratedReplica.target(transaction))
      let connection = try files.connect(reader)
      defer { connection.close() }
      #expect(try connection.value("PRAGMA integrity_check") == .text("ok"))
      let path = try replica.fixture.restore(.wal, "x.db", GeneratedReplica.target(transaction))
      let lines = try content(path)
      var past = try connection.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name").map {
        "\($0)"
      }
      for row in try connection.rows("SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name") {
        guard case .text(let name) = row[0] else { continue }
        past += try connection.rows("SELECT * FROM \"\(name)\"").map { "\(name): \($0)" }
      }
      #expect(past == lines)
      // A large sort needs a temporary file.
      try connection.execute("PRAGMA temp_store=1; PRAGMA cache_size=5; SELECT * FROM a ORDER BY v, k DESC")
      #expect { try connection.execute("DELETE FROM a") } throws: {
        "\($0)" == "attempt to write a readonly database"
      }
    }
  }

  private struct NotAsked: Error {}
}
