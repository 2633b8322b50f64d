import Files
import History
import Replica
import ReplicaCatalog
import ReplicaFormat
import Replicator
import Restore
import SQLite
import TestSupport
import Testing

/// Tests undo, history and bisect against restores of every transaction.
@Suite struct PastChangesTests {
  private struct NotAsked: Error {}

  private func files(_ name: String) -> PastFiles {
    let files = PastFiles(vfs: name) { _, _, _ in throw NotAsked() }
    files.register()
    return files
  }

  private func rowChanges(_ diff: RowDiff) throws -> [String] {
    var found: [String] = []
    for name in diff.tableNames {
      try diff.forEachChange(of: name) { found.append("\(name) \($0.kind) \($0.key)") }
    }
    return found
  }

  @Test(arguments: UInt64(51)...56)
  func undoRestoresTheStateBefore(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed, transactions: 20)
    let files = files("undo-\(seed)")
    try replica.fixture.open()
    var undone = 0
    for _ in 0..<15 {
      let before = try replica.end()
      try replica.step()
      try replica.fixture.flush()
      let number = try replica.end()
      guard number == before + 1 else { continue }
      let past = replica.past()
      let from = try past.open(GeneratedReplica.target(before))
      let to = try past.open(GeneratedReplica.target(number), near: from)
      let undo = Undo(try RowDiff(from: from, to: to, files), try #require(replica.fixture.connection))
      guard try undo.refusal() == nil else { continue }
      try undo.collect()
      #expect(try undo.conflicts().isEmpty)
      guard !undo.changes.isEmpty else { continue }
      try undo.apply(Array(undo.changes.indices), isForced: false)
      try replica.fixture.flush()
      undone += 1
      let now = try replica.past().open(GeneratedReplica.target(replica.end()))
      let start = try past.open(GeneratedReplica.target(before))
      let left = try rowChanges(RowDiff(from: start, to: now, files))
      #expect(left.isEmpty, "transaction \(number) of seed \(seed): \(left.prefix(3))")
    }
    try replica.fixture.close()
    #expect(undone > 1)
    // The statements have the same result.
    #expect(try content(replica.fixture.restore(.sql)) == content(replica.fixture.restore(.wal, "w.db")))
  }

  @Test func undoSwapsExchangedValuesBack() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE); INSERT INTO t VALUES(1,'a'),(2,'b'),(3,NULL)")
    try fixture.run(
      "CREATE TABLE log(x); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(new.id); END")
    try fixture.run(
      "BEGIN; UPDATE t SET u='c' WHERE id=1; UPDATE t SET u='a' WHERE id=2; UPDATE t SET u='b' WHERE id=1; COMMIT"
    )
    try fixture.flush()
    let past = PastReplica(ObjectSource(ReplicaCatalog(fixture.store), patience: 5), ReplicaCache(disk: nil))
    let from = try past.open(GeneratedReplica.target(4))
    let diff = try RowDiff(from: from, to: past.open(GeneratedReplica.target(5), near: from), files("swap"))
    let connection = try #require(fixture.connection)
    let undo = Undo(diff, connection)
    try undo.collect()
    _ = try undo.conflicts()
    try undo.apply(Array(undo.changes.indices), isForced: false)
    #expect(
      try connection.rows("SELECT * FROM t").map { "\($0[1])" } == ["text(\"a\")", "text(\"b\")", "null"])
    #expect(try connection.value("SELECT count(*) FROM log") == .integer(0))
    // Triggers fire again.
    try fixture.run("UPDATE t SET u='z' WHERE id=3")
    #expect(try connection.value("SELECT count(*) FROM log") == .integer(1))
    try fixture.close()
  }

  @Test func rowsThatChangedSinceAreConflicts() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES(1,1,1),(2,2,2),(3,3,3)")
    try fixture.run("UPDATE t SET a = a + 10")
    try fixture.run("UPDATE t SET b = 'later' WHERE id = 1; UPDATE t SET a = 'later' WHERE id = 2")
    try fixture.flush()
    let past = PastReplica(ObjectSource(ReplicaCatalog(fixture.store), patience: 5), ReplicaCache(disk: nil))
    let from = try past.open(GeneratedReplica.target(2))
    let diff = try RowDiff(
      from: from, to: past.open(GeneratedReplica.target(3), near: from), files("conflict"))
    let connection = try #require(fixture.connection)
    let undo = Undo(diff, connection)
    try undo.collect()
    let conflicts = try undo.conflicts()
    #expect(conflicts.map(\.text) == ["t rowid = 2: a is 'later', was 12"])
    #expect(throws: UndoError.self) { try undo.apply([0, 1, 2], isForced: false) }
    #expect(connection.isInAutocommit)
    try undo.apply([0, 2], isForced: false)
    #expect(
      try connection.rows("SELECT a, b FROM t").map { "\($0)" } == [
        "[SQLite.Value.integer(1), SQLite.Value.text(\"later\")]",
        "[SQLite.Value.text(\"later\"), SQLite.Value.integer(2)]",
        "[SQLite.Value.integer(3), SQLite.Value.integer(3)]",
      ])
    try fixture.close()
  }

  /// The history of a whole table has the versions that restores of every transaction have.
  @Test(arguments: UInt64(71)...70 + UInt64(Seeded.rounds(2, 6)))
  func historyOfATableEqualsRestoresOfEveryTransaction(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed, transactions: 30)
    let files = files("table-\(seed)")
    for name in ["a", "b", "c d"] {
      var wanted: [String] = []
      var before: [String: String] = [:]
      for transaction in 0...replica.last {
        let path = try replica.fixture.restore(.wal, "h.db", GeneratedReplica.target(transaction))
        let connection = try Connection(path, [.readWrite])
        defer { connection.close() }
        let shape = try SchemaShape(connection).tables[name]
        var now: [String: String] = [:]
        if let shape {
          let keys = shape.hasRowID ? ["rowid"] : shape.primaryKey
          let columns = (keys + shape.columns.filter { !$0.hasPrefix("n") }).map { Identifier.quoted($0) }
          let list = columns.joined(separator: ", ")
          for row in try connection.rows("SELECT \(list) FROM \(Identifier.quoted(name))") {
            now["\(Array(row[..<keys.count]))"] = "\(Array(row[keys.count...]))"
          }
        }
        for key in Set(before.keys).union(now.keys) where before[key] != now[key] {
          wanted.append("\(transaction) \(key): \(before[key] ?? "-") -> \(now[key] ?? "-")")
        }
        before = now
      }
      var found: [String] = []
      func text(_ row: RowChange.Row?) -> String {
        guard let row else { return "-" }
        let values = zip(row.columns, row.values).filter { !$0.0.hasPrefix("n") }.map(\.1)
        return "\(values)"
      }
      let history = RowHistory(replica.past(), files, table: name)
      try history.find(key: nil, condition: nil) { moment, _, changes in
        for change in changes {
          found.append("\(moment.transaction) \(change.key): \(text(change.before)) -> \(text(change.after))")
        }
      }
      let lacks = Set(wanted).subtracting(found).sorted().prefix(3).map { $0.prefix(150) }
      let more = Set(found).subtracting(wanted).sorted().prefix(3).map { $0.prefix(150) }
      #expect(lacks.isEmpty && more.isEmpty, "\(name) of seed \(seed): lacks \(lacks), has too much \(more)")
      #expect(found.count == wanted.count)
    }
  }

  /// Of a table of many pages, only those are read that a transaction changed.
  @Test func historyOfATableReadsWhatChanged() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    try fixture.run(
      "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) INSERT INTO t SELECT i, hex(i) FROM n"
    )
    for number in 1...30 { try fixture.run("UPDATE t SET b = 'x' WHERE a = \(number * 600)") }
    try fixture.close()
    let past = PastReplica(ObjectSource(ReplicaCatalog(fixture.store), patience: 5), ReplicaCache(disk: nil))
    let history = RowHistory(past, files("few"), table: "t")
    var found: [Int] = []
    try history.find(key: nil, condition: nil) { _, _, changes in found.append(changes.count) }
    #expect(found == [20000] + Array(repeating: 1, count: 30))
    // The leaves of the first rows, and of each change one at both moments.
    #expect(history.compared < 200, "\(history.compared) leaves")
  }

  @Test(arguments: UInt64(61)...63)
  func historyEqualsALinearSearch(seed: UInt64) throws {
    let replica = try GeneratedReplica(seed: seed, transactions: 30)
    let files = files("history-\(seed)")
    let queries = [
      "SELECT count(*), sum(length(v)) FROM a", "SELECT v FROM a WHERE id = 7", "SELECT max(x) FROM b",
      "SELECT count(*) FROM sqlite_schema", "SELECT id FROM a WHERE k = 49",
      "SELECT group_concat(t) FROM \"c d\"",
    ]
    var changes = Array(repeating: [UInt64](), count: queries.count)
    var last: [String?] = Array(repeating: nil, count: queries.count)
    for transaction in 0...replica.last {
      let path = try replica.fixture.restore(.wal, "l.db", GeneratedReplica.target(transaction))
      let connection = try Connection(path, [.readWrite])
      defer { connection.close() }
      for (index, query) in queries.enumerated() {
        let answer = (try? connection.rows(query)).map { "\($0)" } ?? "none"
        if let before = last[index], before != answer { changes[index].append(transaction) }
        last[index] = answer
      }
    }
    let past = replica.past()
    for (index, query) in queries.enumerated() {
      var found: [UInt64] = []
      let history = AnswerHistory(past, files, sql: query)
      try history.forEachChange(after: 0, through: replica.last) { change in
        found.append(change.moment.transaction)
        return true
      }
      #expect(found == changes[index], "\(query) of seed \(seed)")
    }
  }
}
