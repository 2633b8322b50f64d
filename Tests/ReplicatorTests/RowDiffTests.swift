import Files
import Foundation
import History
import Replica
import ReplicaCatalog
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

  @Test(arguments: UInt64(21)...20 + UInt64(Seeded.rounds(6, 20)))
  func diffEqualsANaiveComparison(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed, transactions: Seeded.rounds(40, 200))
    var random = Seeded(seed)
    let files = PastFiles(vfs: "diff-\(seed)") { _, _, _ in throw NotAsked() }
    files.register()
    let past = replica.past()
    for _ in 0..<Seeded.rounds(8, 50) {
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

  /// If a value is replaced by one of the same length, only overflow pages change: the leaf stays the same.
  @Test(arguments: ["", "WITHOUT ROWID"])
  func aChangeInOverflowPagesAloneIsFound(_ kind: String) throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v) \(kind); CREATE TABLE other(a, b); CREATE INDEX o ON other(b)"
    )
    try fixture.run(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40) INSERT INTO t SELECT i, CAST(zeroblob(20000) AS BLOB) FROM n; INSERT INTO other SELECT id, v FROM t"
    )
    try fixture.flush()
    let past = PastReplica(ObjectSource(ReplicaCatalog(fixture.store), patience: 5), ReplicaCache(disk: nil))
    let before = try past.open(RestoreTarget())
    try fixture.run("UPDATE t SET v = CAST(substr(v, 1, 19999) || 'x' AS BLOB) WHERE id = 17")
    try fixture.run("UPDATE other SET b = CAST(substr(b, 1, 19999) || 'y' AS BLOB) WHERE a = 23")
    try fixture.close()
    let files = PastFiles(vfs: "overflow \(kind)") { _, _, _ in throw NotAsked() }
    files.register()
    let after = try replicaEnd(fixture)
    let first = try after.open(GeneratedReplica.target(before.moment.transaction))
    let diff = try RowDiff(from: first, to: after.open(RestoreTarget(), near: first), files)
    var found: [String] = []
    for name in diff.tableNames {
      try diff.forEachChange(of: name) { found.append("\(name) \($0.kind) \($0.key) \($0.differing)") }
    }
    #expect(
      found.sorted() == [
        "other changed [SQLite.Value.integer(23)] [\"b\"]", "t changed [SQLite.Value.integer(17)] [\"v\"]",
      ])
  }

  private func replicaEnd(_ fixture: MirrorFixture) throws -> PastReplica {
    PastReplica(ObjectSource(ReplicaCatalog(fixture.store), patience: 5), ReplicaCache(disk: nil))
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
