import Foundation
import TestSupport
import Testing

/// Tests that the program opens, compares, explains and undoes moments of a replica.
@Suite struct TimeMachineTests {
  private let folder: TestSupport.TemporaryFolder

  init() throws {
    folder = try TestSupport.TemporaryFolder()
    _ = try shell(
      ["shop.db"],
      """
      CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT, price REAL);
      INSERT INTO orders(item, price) VALUES('tea', 4.5), ('cake', 3.25), ('mug', 9);
      UPDATE orders SET price = 5 WHERE id = 1;
      DELETE FROM orders WHERE id = 2;
      INSERT INTO orders(item, price) VALUES('pot', 20);

      """)
  }

  private var url: String { "file://\(folder.url.path)/r" }

  private func shell(_ arguments: [String], _ input: String) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, ["-mirror", url] + arguments, input: Data((input + "\n").utf8), in: folder,
      environment: ["TZ": "UTC"])
  }

  private func output(_ arguments: [String], _ input: String) throws -> String {
    let result = try shell(arguments, input)
    #expect(result.errors.isEmpty && result.code == 0, "\(result)")
    return result.output
  }

  @Test func opensAMoment() throws {
    #expect(
      try output(["-at", "2", "shop.db"], "SELECT * FROM orders;\n.tables")
        == "1|tea|4.5\n2|cake|3.25\n3|mug|9.0\norders\n")
    #expect(try output(["-at", "before 2", url], "SELECT count(*) FROM orders;") == "0\n")
    #expect(try output(["-at", "-0s", url], "SELECT count(*) FROM orders;") == "3\n")
    let script =
      ".open --at 4\nSELECT count(*) FROM orders;\n.open --at 2\nSELECT count(*) FROM orders;\n.open shop.db\nSELECT count(*) FROM orders;"
    #expect(try output(["shop.db"], script) == "2\n3\n3\n")
    #expect(
      try shell(["-at", "2", "shop.db"], "DELETE FROM orders;").errors.contains(
        "attempt to write a readonly database"))
    #expect(
      try shell(["-at", "99", "shop.db"], "SELECT 1;").errors.contains("transaction 99 cannot be restored"))
    #expect(try shell(["-at", "soon", "shop.db"], "SELECT 1;").errors.contains("not a moment: soon"))
    // Reading the past adds no transaction.
    #expect(try output(["-at", "last", "shop.db"], ".mirror diff --summary").contains("transaction 5"))
  }

  @Test func joinsPastAndCurrentRows() throws {
    let script = """
      .mirror attach 2 AS past
      SELECT p.id, p.price, o.price FROM past.orders p LEFT JOIN orders o USING(id);
      BEGIN;
      INSERT INTO orders SELECT id, item, price FROM past.orders WHERE id = 2;
      COMMIT;
      ATTACH 'file:shop.db?vfs=replica&at=3' AS third;
      SELECT price FROM third.orders WHERE id = 1;
      DELETE FROM past.orders;
      """
    let result = try shell(["shop.db"], script)
    #expect(result.output.hasSuffix("1|4.5|5.0\n2|3.25|\n3|9.0|9.0\n5.0\n"), "\(result)")
    #expect(result.errors.contains("attempt to write a readonly database"))
    // A transaction that reads the past is a barrier. Restores from slices and from statements
    // contain it.
    #expect(
      try output(["shop.db"], ".mirror log").contains(
        "6  -- statements unknown: a statement uses an attached database"))
    let restored = try shell([":memory:"], ".restore sql --output s.db --verify")
    #expect(restored.code == 0 && restored.output.contains("verified transaction 6"), "\(restored)")
    #expect(
      try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", "s.db", "SELECT count(*) FROM orders"], in: folder
      ).output == "4\n")
  }

  @Test func comparesMoments() throws {
    let diff = try output(["shop.db"], ".mirror diff 2 4")
    #expect(
      diff.contains("orders: +0 ~1 -1\n~ id=1: price 4.5 -> 5.0\n- id=2: item='cake', price=3.25\n"),
      "\(diff)")
    #expect(try output(["shop.db"], ".mirror diff").contains("+ id=4: item='pot', price=20.0"))
    #expect(try output(["shop.db"], ".mirror diff before 4 orders --summary").contains("orders: +1 ~0 -1\n"))
    #expect(
      try output(
        ["shop.db"],
        "SELECT change, key, before ->> 'price', after ->> 'price' FROM mirror_diff(2, 4, 'orders');")
        == "changed|{\"id\":1}|4.5|5.0\nremoved|{\"id\":2}|3.25|\n")
    // The script turns the first moment into the second.
    let sql = try output(["shop.db"], ".mirror diff 2 5 --sql")
    _ = try output([":memory:"], ".restore wal --as-of 2 --output two.db")
    _ = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "two.db"], input: Data(sql.utf8), in: folder)
    let dumps = try ["two.db", "shop.db"].map {
      try ShellHarness.run(ShellHarness.program, ["-mirror", "off", $0, ".dump"], in: folder).output
    }
    #expect(dumps[0] == dumps[1])
    let json = try output(["shop.db"], ".mirror diff 4 5 --json")
    #expect(
      json
        == "{\"table\":\"orders\",\"change\":\"added\",\"key\":{\"id\":4},\"after\":{\"id\":4,\"item\":\"pot\",\"price\":20.0}}\n"
    )
    #expect(try shell(["shop.db"], ".mirror diff nowhere").errors.contains("no table nowhere"))
  }

  @Test func undoesATransaction() throws {
    #expect(
      try output(["shop.db"], ".mirror undo 4 --dry-run").contains("would take back transaction 4: 1 rows"))
    #expect(try output(["shop.db"], ".mirror undo 4\nSELECT count(*) FROM orders;").hasSuffix("\n4\n"))
    #expect(try output(["shop.db"], ".mirror undo last\nSELECT count(*) FROM orders;").hasSuffix("\n3\n"))
    let conflict = try shell(
      ["shop.db"],
      "UPDATE orders SET price = 6 WHERE id = 1;\n.mirror undo 3\nSELECT price FROM orders WHERE id = 1;")
    #expect(
      conflict.output.contains("! orders rowid = 1: price is 6.0, was 5.0")
        && conflict.output.hasSuffix("6.0\n"), "\(conflict)")
    #expect(conflict.errors.contains("nothing was changed"))
    #expect(
      try output(["shop.db"], ".mirror undo 3 --force\nSELECT price FROM orders WHERE id = 1;").hasSuffix(
        "4.5\n"))
    #expect(try shell(["shop.db"], ".mirror undo 1").errors.contains("it changed the schema"))
    #expect(try output([":memory:"], ".restore sql --verify --output s.db").contains("verified transaction"))
  }

  @Test func explainsRowsAndAnswers() throws {
    let history = try output(["shop.db"], ".mirror history orders 2")
    #expect(
      history.contains("DELETE FROM orders WHERE id = 2;\n- id=2: item='cake', price=3.25\n"), "\(history)")
    #expect(history.contains("process "))
    #expect(
      try output(["shop.db"], "SELECT \"transaction\", change FROM mirror_history('orders', 1);")
        == "2|added\n3|changed\n")
    let bisect = try output(["shop.db"], ".mirror bisect 'SELECT max(price) FROM orders' 2")
    #expect(bisect.contains("transaction 5") && bisect.contains("9.0 -> 20.0"), "\(bisect)")
    #expect(
      try output(["shop.db"], ".mirror bisect 'SELECT count(*) FROM orders' 2 --all").components(
        separatedBy: " -> "
      ).count == 3)
    #expect(
      try shell(["shop.db"], ".mirror bisect 'SELECT random()'").errors.contains(
        "the query draws random numbers"))
    #expect(
      try shell(["shop.db"], ".mirror bisect 'DELETE FROM orders'").errors.contains(
        "only a query has a history"))
    #expect(
      try shell(["shop.db"], ".mirror bisect 'SELECT 1' --some").errors.contains("unknown option: --some"))
  }

  /// SQLite decides whether a query asks for the time, wherever it does so.
  @Test(arguments: [
    "SELECT datetime('now')", "SELECT count(*) FROM orders WHERE CURRENT_TIMESTAMP > item",
    "SELECT max(id, unixepoch()) FROM orders", "WITH t(a) AS (SELECT julianday()) SELECT a > 0 FROM t",
  ])
  func queriesThatAskForTheTimeAreRefused(_ query: String) throws {
    for command in ["bisect", "when"] {
      let result = try shell(["shop.db"], ".mirror \(command) \"\(query)\" 2")
      #expect(result.errors.contains("the query asks for the time"), "\(result)")
    }
    let history = try shell(["shop.db"], ".mirror history orders \"WHERE item < \(query.dropFirst(7))\"")
    if query.hasPrefix("SELECT datetime") {
      #expect(history.errors.contains("the query asks for the time"), "\(history)")
    }
    // A time that is written out is none of today, and neither is a column of this name.
    let fixed = "SELECT datetime('2026-01-01', '+1 day'), count(*) AS now FROM orders"
    #expect(try output(["shop.db"], ".mirror bisect \"\(fixed)\" 2").contains("transaction 4"))
  }

  @Test func printsEveryAnswer() throws {
    let lines = try output(["shop.db"], ".mirror when 'SELECT sum(price) FROM orders'").split(separator: "\n")
    let answers = lines.map { $0.split(separator: " ").filter { $0 != "" } }
    #expect(answers.map { $0.first.map(String.init) ?? "" } == ["0", "1", "2", "3", "4", "5"], "\(lines)")
    #expect(lines.first?.hasSuffix("  (no such table: orders)") == true, "\(lines)")
    #expect(
      answers.dropFirst().map { $0.last.map(String.init) ?? "" } == [
        "NULL", "16.75", "17.25", "14.0", "34.0",
      ])
    #expect(answers.allSatisfy { $0[1].hasSuffix("Z") })
    let some = try output(["shop.db"], ".mirror when 'SELECT count(*) FROM orders' 2 3")
    #expect(some.hasPrefix("2  ") && some.hasSuffix("  3\n") && some.split(separator: "\n").count == 1)
    #expect(try shell(["shop.db"], ".mirror when 'SELECT 1' --all").errors.contains("unknown option: --all"))
    #expect(try shell(["shop.db"], ".mirror when").errors.contains("Usage: .mirror when QUERY"))
  }

  @Test func theMomentBeforeTheLastHasAName() throws {
    #expect(try output(["-at", "before last", "shop.db"], "SELECT count(*) FROM orders;") == "2\n")
    #expect(try output(["shop.db"], ".mirror diff before last orders --summary").contains("orders: +1 ~0 -0"))
    #expect(
      try output([":memory:"], ".restore wal --as-of 'before last' --output b.db").contains("transaction 4"))
    #expect(
      try shell(["shop.db"], ".mirror log --since 'before last'").errors.contains("takes a number or a time"))
  }

  @Test func comparesTwoFiles() throws {
    func run(_ name: String, _ sql: String) throws {
      _ = try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", name], input: Data(sql.utf8), in: folder)
    }
    try run(
      "old.db",
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE k(x PRIMARY KEY, y) WITHOUT ROWID; CREATE TABLE gone(z);"
        + "INSERT INTO t VALUES(1,'a'),(2,'b'),(3,'c'); INSERT INTO k VALUES('p',1); PRAGMA journal_mode=WAL;"
    )
    try run(
      "it's new.db",
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE k(x PRIMARY KEY, y) WITHOUT ROWID;"
        + "CREATE VIRTUAL TABLE f USING fts5(w);"
        + "INSERT INTO t VALUES(1,'a'),(2,x'62'),(4,'d'); INSERT INTO k VALUES('p',1);")
    let before = try Data(contentsOf: folder.url.appendingPathComponent("old.db"))
    let result = try output(["shop.db"], ".mirror diff --files old.db \"it's new.db\"")
    #expect(result.hasPrefix("from old.db\nto   it's new.db\n"), "\(result)")
    #expect(result.contains("- table gone") && result.contains("t: +1 ~1 -1\n"), "\(result)")
    #expect(result.contains("~ a=2: b 'b' -> x'62'") && !result.contains("k: "), "\(result)")
    #expect(result.contains("virtual table f is in the files; its rows are not compared"), "\(result)")
    // The script makes one of the other; both files stay as they were.
    let script = try shell(["shop.db"], ".mirror diff --files old.db \"it's new.db\" t --sql").output
    #expect(try Data(contentsOf: folder.url.appendingPathComponent("old.db")) == before)
    try run("old.db", script)
    let left = try output(["shop.db"], ".mirror diff --files old.db \"it's new.db\" t --summary")
    #expect(
      left == "from old.db\nto   it's new.db\n-- virtual table f is in the files; its rows are not compared\n"
    )
    for (names, message) in [
      ("old.db nofile.db", "unable to open database"), ("old.db old.db nope", "no table nope in both files"),
      ("old.db old.db --from \(url)", "leave out --from"), ("old.db", "Usage: .mirror diff"),
    ] {
      let failed = try shell(["shop.db"], ".mirror diff --files \(names)")
      #expect(failed.errors.contains(message), "\(names): \(failed)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("nofile.db")))
  }

  /// Applies a changeset with the library's session extension, which the shell does not have.
  private static let applies = """
    import ctypes, sys
    library = ctypes.CDLL("libsqlite3.so.0")
    database = ctypes.c_void_p()
    assert library.sqlite3_open(sys.argv[1].encode(), ctypes.byref(database)) == 0
    data = open(sys.argv[2], "rb").read()
    answer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(lambda *_: 2)
    buffer = ctypes.create_string_buffer(data, len(data))
    print(library.sqlite3changeset_apply(database, len(data), buffer, None, answer, None))
    library.sqlite3_close(database)
    """

  @Test(.enabled(if: Servers.areInstalled), arguments: ["UTF-8", "UTF-16le"])
  func sqliteAppliesAChangeset(_ encoding: String) throws {
    let other = ["-mirror", "file://\(folder.url.path)/all"]
    _ = try output(
      other + ["all.db"],
      """
      PRAGMA encoding='\(encoding)';
      CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); CREATE TABLE k(x, y, z, PRIMARY KEY(y, x)) WITHOUT ROWID;
      INSERT INTO t VALUES(1, 'one', x'00ff'), (2, char(27) || '[31m', NULL), (3, 'drei', 1e300);
      INSERT INTO k VALUES('p', 1, NULL), ('q', 2, 'zz');
      BEGIN; UPDATE t SET b = 'ONE', c = NULL WHERE a = 1; DELETE FROM t WHERE a = 2;
      INSERT INTO t VALUES(4, 'a' || char(0) || 'ß', 9e999); UPDATE k SET z = 5 WHERE y = 1;
      INSERT INTO k VALUES('r', -3, 2.5), ('', 0, x''); DELETE FROM k WHERE y = 2; COMMIT;
      """)
    let python = Servers.program("python3")
    func content(_ name: String) throws -> String {
      let query = "SELECT a, typeof(b), hex(b), quote(c) FROM t; SELECT hex(x), y, quote(z) FROM k;"
      return try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", name], input: Data(query.utf8), in: folder
      ).output
    }
    func before(_ name: String) throws {
      _ = try output(other + [":memory:"], ".restore wal --before 5 --output \(name)")
    }
    _ = try output(other + ["all.db"], ".mirror diff --changeset changes")
    try before("set.db")
    let applied = try ShellHarness.run(python, ["-c", Self.applies, "set.db", "changes"], in: folder)
    #expect(applied.output == "0\n", "\(applied)")
    #expect(try content("set.db") == content("all.db"))
    try before("script.db")
    let script = try output(other + ["all.db"], ".mirror diff --sql")
    _ = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", "script.db"], input: Data(script.utf8), in: folder)
    #expect(try content("script.db") == content("all.db"))
  }

  @Test func safeModeReadsNoReplica() throws {
    for command in [".open --at 2 \(url)", ".mirror attach 2 AS p", ".mirror diff --from \(url)"] {
      let result = try shell(["-safe", ":memory:"], command)
      #expect(result.code == 1 && result.errors.contains("in safe mode"), "\(command): \(result)")
    }
  }
}
