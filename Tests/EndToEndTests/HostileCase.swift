import Bytes
import Compression
import Foundation
import ReplicaFormat
import TestSupport
import Testing

/// One attack on a replica.
struct HostileCase: CustomTestStringConvertible, Sendable {
  let name: String
  /// The error of `.restore sql`; nil if it may succeed.
  var refusal: String?
  let write: @Sendable (HostileReplica) throws -> Void
  var testDescription: String { name }

  init(_ name: String, _ refusal: String? = nil, _ write: @escaping @Sendable (HostileReplica) throws -> Void)
  {
    self.name = name
    self.refusal = refusal
    self.write = write
  }

  static let all = files + code + sizes + numbers + escapes + maps

  /// Statements that open files.
  private static let files = [
    HostileCase("ATTACH of a name that is computed", "it uses ATTACH") {
      try $0.forge(["ATTACH '\($0.canary)'||'' AS e", "DELETE FROM e.secret"])
    },
    HostileCase("ATTACH of a name", "it uses ATTACH") {
      try $0.forge(["ATTACH '\($0.canary)' AS e"], error: 23)
    },
    HostileCase("ATTACH of an empty name", "it uses ATTACH") { try $0.forge(["ATTACH '' AS e"]) },
    HostileCase("ATTACH of a parameter", "it uses ATTACH") { try $0.forge(["ATTACH ?1 AS e"]) },
    HostileCase("ATTACH within sha3_query()", "it uses ATTACH") {
      try $0.forge([
        "INSERT INTO t SELECT 1, sha3_query('ATTACH ''\($0.canary)'' AS e; DELETE FROM e.secret')"
      ])
    },
    HostileCase("DETACH", "it uses DETACH") { try $0.forge(["DETACH temp"]) },
    HostileCase("VACUUM INTO", "it uses ATTACH") { try $0.forge(["VACUUM INTO '\($0.canary).new'"]) },
    HostileCase("VACUUM INTO of a name that is computed", "it uses ATTACH") {
      try $0.forge(["/* */ VACUUM INTO '\($0.canary)' || '.new'"])
    },
    HostileCase("a folder for temporary files", "it uses PRAGMA temp_store_directory") {
      try $0.forge(["PRAGMA temp_store_directory='\($0.work.home.path)'"])
    },
    HostileCase("a time zone that is a file", "names no time zone") {
      try $0.forge(["INSERT INTO t VALUES(2, datetime(0, 'unixepoch', 'localtime'))"], zone: ":/dev/zero")
    },
    HostileCase("a time zone above its folder", "names no time zone") {
      try $0.forge(["INSERT INTO t VALUES(2, 'y')"], zone: "../../../dev/zero")
    },
  ]

  private static let parameterHead = ".parameter init\nREPLACE INTO temp.sqlite_parameters(key,value)VALUES"

  /// Statements that would run code, or change what no recorded statement changes.
  private static let code = [
    HostileCase("SQL in the settings", "its settings hold") {
      try $0.forge(["SELECT 1"], settings: "PRAGMA foreign_keys=0; DELETE FROM t; ")
    },
    HostileCase("a PRAGMA in the settings", "its settings hold \"PRAGMA writable_schema=1\"") {
      try $0.forge(["SELECT 1"], settings: "PRAGMA writable_schema=1; ")
    },
    HostileCase("SQL as the value of a setting", "its settings hold") {
      try $0.forge(["SELECT 1"], settings: "PRAGMA foreign_keys=1/**/;DELETE FROM t; ")
    },
    HostileCase("fts3_tokenizer in the settings", "its settings hold \"fts3_tokenizer=1\"") {
      try $0.forge(["SELECT 1"], settings: "/* dbconfig fts3_tokenizer=1 */")
    },
    HostileCase("fts3_tokenizer() that gives an address", "it uses function fts3_tokenizer()") {
      try $0.forge(["INSERT INTO t SELECT 2, hex(fts3_tokenizer('simple'))"])
    },
    HostileCase("fts3_tokenizer() that takes an address", "it uses function fts3_tokenizer()") {
      try $0.forge([
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
        "CREATE VIRTUAL TABLE v USING fts4(a, tokenize=simple)", "INSERT INTO v VALUES('a b c')",
      ])
    },
    HostileCase("fts3_tokenizer() in a constraint", "it uses function fts3_tokenizer()") {
      try $0.forge([
        "CREATE TABLE u(a CHECK(fts3_tokenizer('simple', x'4141414141414141') IS NOT 7))",
        "INSERT INTO u VALUES(1)",
      ])
    },
    HostileCase("load_extension()", "it uses function load_extension()") {
      try $0.forge(["SELECT load_extension('/lib/x.so')"], error: 1)
    },
    HostileCase("writefile()") {
      try $0.forge(["SELECT writefile('\($0.canary)', 'x')"], error: 1)
    },
    HostileCase("a schema that is written to", "it uses PRAGMA writable_schema") {
      try $0.forge(["PRAGMA writable_schema=ON", "UPDATE sqlite_schema SET sql = 'x'"])
    },
    HostileCase("a shadow table that is written to", "restore") {
      try $0.forge([
        "CREATE VIRTUAL TABLE v USING fts5(a)", "INSERT INTO v VALUES('a')",
        "UPDATE v_data SET block = x'ffffffffffffffffffffffff'", "INSERT INTO v VALUES('b')",
      ])
    },
    HostileCase("a module that tells of pages", "it uses virtual table module dbstat") {
      try $0.forge(["CREATE VIRTUAL TABLE temp.v USING dbstat(main)"])
    },
    HostileCase("a table of the connection", "it uses table pragma_database_list") {
      try $0.forge(["INSERT INTO t SELECT 2, file FROM pragma_database_list"])
    },
    HostileCase("a temporary trigger", "it uses temporary") {
      try $0.forge(["CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END"])
    },
    HostileCase("SQL among the values of parameters", "it uses lines before a statement that are no values") {
      try $0.forge(
        ["INSERT INTO t VALUES(:x, 1)"],
        values: parameterHead + "(':x',(SELECT writefile('\($0.canary)','x')));\n")
    },
    HostileCase(
      "a command among the values of parameters", "it uses lines before a statement that are no values"
    ) {
      try $0.forge(
        ["INSERT INTO t VALUES(:x, 1)"],
        values: parameterHead + "(':x',1);\n.shell touch \($0.canary)\n")
    },
    HostileCase("values of other parameters", "it uses values of other parameters") {
      try $0.forge(["INSERT INTO t VALUES(:x, ?7)"], values: parameterHead + "(':x',1);\n")
    },
    HostileCase("a value without an end", "it uses lines before a statement that are no values") {
      try $0.forge(["INSERT INTO t VALUES(:x, 1)"], values: parameterHead + "(':x','1);\n")
    },
    HostileCase("values that are longer than the batch", "cut short") {
      try $0.forge(
        ["INSERT INTO t VALUES(:x, 1) -- values=9223372036854775807"], zone: "UTC0 values=9223372036854775807"
      )
    },
    HostileCase("a heap limit", "it uses PRAGMA hard_heap_limit") {
      try $0.forge(["PRAGMA hard_heap_limit=1"])
    },
  ]

  /// Objects that are long, or become long.
  private static let sizes = [
    HostileCase("a batch that expands to 4 GB", "content is longer than") { replica in
      let zeros = [UInt8](repeating: 0x20, count: 64 << 20)
      var frames: [UInt8] = []
      for _ in 0..<67 { frames += Zstandard.compress(zeros) }
      try replica.put(replica.lastBatch().key, frames)
    },
    HostileCase("a statement of 900 MB", "longer than any that is recorded") { replica in
      let last = try replica.lastBatch()
      let number = last.transactions.upperBound
      let head = Array(
        ("-- sqlite3-cloud-s3 statements 1\n-- generation \(replica.generation)\n-- transactions \(number) \(number)\n"
          + "-- transaction \(number) time=\(last.time) statements=1 wal=\(last.end)\n"
          + "-- statement bytes=900000000 changes=0\n").utf8)
      let piece = [UInt8](repeating: 0x20, count: 100_000_000)
      var hash = Hash128Stream()
      hash.add(head)
      var frames = Zstandard.compress(head)
      let frame = Zstandard.compress(piece)
      for _ in 0..<9 {
        hash.add(piece)
        frames += frame
      }
      let tail = Array("\n;\n".utf8)
      hash.add(tail)
      frames += Zstandard.compress(tail + Array("-- end \(hash.value)\n".utf8))
      try replica.put(last.key, frames)
    },
    HostileCase("values of hundreds of megabytes", "it needs more memory than") {
      try $0.forge(["INSERT INTO t VALUES(2, length(hex(zeroblob(400000000))))"])
    },
    HostileCase("values of hundreds of megabytes whose failure is foretold", "restore") {
      try $0.forge(["INSERT INTO t VALUES(2, length(hex(randomblob(400000000))))"], error: 7)
    },
    HostileCase("a lease of 3 GB") { try $0.enlarge(ReplicaLayout.lease, to: 3 << 30) },
    HostileCase("a mark of 3 GB", "chain/00000001.txt") {
      try $0.enlarge(ReplicaLayout.mark(1), to: 3 << 30)
    },
    HostileCase("a turn of 3 GB", "read") {
      let folder = ReplicaLayout.slots($0.generation)
      for name in try $0.names(folder) {
        let text = try Data(contentsOf: URL(fileURLWithPath: $0.work.replica.path(folder + name)))
        if text.starts(with: Array("sqlite3-cloud-s3 turn".utf8)) {
          try $0.enlarge(folder + name, to: 3 << 30)
        }
      }
    },
    HostileCase("a batch of 3 GB", "read") { try $0.enlarge($0.lastBatch().key, to: 3 << 30) },
    HostileCase("a slice of 3 GB", "read") {
      let folder = ReplicaLayout.slots($0.generation)
      try $0.enlarge(folder + ($0.names(folder).last ?? ""), to: 3 << 30)
    },
    HostileCase("parts of a base of 3 GB", "read") {
      for name in try $0.names("pages") { try $0.enlarge("pages/" + name, to: 3 << 30) }
    },
    HostileCase("a record of 3 GB") { try $0.enlarge(ReplicaLayout.record($0.generation), to: 3 << 30) },
    HostileCase("settings of 50 MB", "does not understand") {
      try $0.forge(["SELECT 1"], settings: String(repeating: " ", count: 50_000_000))
    },
  ]

  /// Numbers at the bounds.
  private static let numbers = [
    HostileCase("a merged object up to the largest transaction") {
      try $0.put(
        ReplicaLayout.merged($0.generation) + "ffffffffffffffff-0000000000000001-0000000000000001", text: "x")
    },
    HostileCase("a merged object up to the last number that counts", "cut short") {
      try $0.put(
        ReplicaLayout.merged($0.generation) + "4000000000000000-0000000000000001-0000000000000001", text: "x")
    },
    HostileCase("a slice from the largest transaction on") {
      try $0.put(ReplicaLayout.slots($0.generation) + "ffffffffffffffff.0001-0000000000000001", text: "x")
    },
    HostileCase("a slice at the last number that counts") {
      try $0.put(ReplicaLayout.slots($0.generation) + "4000000000000000.ffff-ffffffffffffffff", text: "x")
    },
    HostileCase("a batch up to the largest transaction") {
      try $0.put(
        ReplicaLayout.statements($0.generation) + "0000000000000002-ffffffffffffffff-0000000000000001",
        text: "x")
    },
    HostileCase("a batch and a slice from transaction 0") {
      let first = "0000000000000000"
      try $0.put(
        ReplicaLayout.statements($0.generation) + first + "-ffffffffffffffff-0000000000000001", text: "x")
      try $0.put(ReplicaLayout.slots($0.generation) + first + ".0001-0000000000000000", text: "x")
      try $0.put(ReplicaLayout.slots($0.generation) + first + ".0000-0000000000000000", text: "x")
    },
    HostileCase("a base at the largest transaction") {
      try $0.put(ReplicaLayout.bases($0.generation) + "ffffffffffffffff-0000000000000001.txt", text: "x")
    },
    HostileCase("a mark of the largest generation", "chain/") { try $0.put("chain/fffffffe.txt", text: "x") },
    HostileCase("a mark beyond the largest generation") { try $0.put("chain/ffffffff.txt", text: "x") },
    HostileCase("a turn that seals to itself", "chain") {
      let text =
        "sqlite3-cloud-s3 seal 1\nplace \($0.generation) 4 1 0000000000000001\nid 0000000000000001\n"
        + "session 0000000000000001\nhost h\nprocess 1\ndatabase d\ntime 1\nreason r\n"
        + "successor \($0.generation)\ntransaction 3\nchecksum 00000000000000000000000000000000\n"
      let folder = ReplicaLayout.slots($0.generation)
      for name in try $0.names(folder) { try $0.put(folder + name, HostileReplica.record(text)) }
      try $0.change(ReplicaLayout.mark(1), ["generation": "\($0.generation) "])
    },
    HostileCase("the largest generation") { try $0.put("generations/ffffffff-00000000/x", text: "x") },
    HostileCase("the largest generation but one") {
      try $0.put("generations/fffffffe-00000000/x", text: "x")
    },
    HostileCase("a part of the largest size", "wrong part") {
      let base = try $0.base()
      let part = try $0.line("part", of: base).split(separator: " ")
      try $0.change(base, ["part": "\(part[0]) \(part[1]) \(Int.max) \(part[3])"])
    },
    HostileCase("a part of a size below zero", "wrong part") {
      let base = try $0.base()
      let part = try $0.line("part", of: base).split(separator: " ")
      try $0.change(base, ["part": "\(part[0]) \(part[1]) \(Int.min) \(part[3])"])
    },
    HostileCase("a base of the earliest time", "wrong time") {
      try $0.change($0.base(), ["time": "\(Int64.min)"])
    },
    HostileCase("a base of the last time", "wrong time") {
      try $0.change($0.base(), ["time": "\(Int64.max)"])
    },
    HostileCase("a base of the largest transaction within", "wrong transaction") {
      try $0.change($0.base(), ["transaction": "\(UInt64.max)"])
    },
    HostileCase("a base of pages of no size", "wrong page-size") {
      try $0.change($0.base(), ["page-size": "\(Int.max)"])
    },
    HostileCase("a lease of the last epoch and time") {
      try $0.change(
        ReplicaLayout.lease,
        [
          "session": "ffffffffffffffff", "since": "\(Int64.min)", "renewed": "\(Int64.min)",
          "process": "\(Int.max) \(UInt64.max)",
        ])
    },
    HostileCase("a lease renewed at the end of time") {
      try $0.change(ReplicaLayout.lease, ["since": "\(Int64.max)", "renewed": "\(Int64.max)"])
    },
    HostileCase("a generation of the earliest time") {
      try $0.change(ReplicaLayout.record($0.generation), ["time": "\(Int64.min)"])
    },
    HostileCase("a transaction of the last time", "does not understand") {
      let last = try $0.lastBatch()
      let number = last.transactions.upperBound
      try $0.put(
        last.key,
        HostileReplica.batch(
          Array(
            ("-- sqlite3-cloud-s3 statements 1\n-- generation \($0.generation)\n-- transactions \(number) \(number)\n"
              + "-- transaction \(number) time=\(Int64.max) statements=1 wal=\(last.end)\n"
              + "-- statement bytes=\(UInt64.max) changes=\(UInt64.max)\n;\n").utf8)))
    },
    HostileCase("a statement of the largest length", "cut short") {
      let last = try $0.lastBatch()
      let number = last.transactions.upperBound
      try $0.put(
        last.key,
        HostileReplica.batch(
          Array(
            ("-- sqlite3-cloud-s3 statements 1\n-- generation \($0.generation)\n-- transactions \(number) \(number)\n"
              + "-- transaction \(number) time=\(last.time) statements=1 wal=\(last.end)\n"
              + "-- statement bytes=\(UInt64.max) changes=\(UInt64.max)\n;\n").utf8)))
    },
  ]

  /// Bytes that control a terminal.
  private static let escapes = [
    HostileCase("a statement with escapes") {
      try $0.forge(["INSERT INTO t VALUES(2, '\u{1b}]0;owned\u{07}\u{9b}31m')"])
    },
    HostileCase("a name with escapes in an error", "no such table") {
      try $0.forge(["INSERT INTO \"\u{1b}[2Jx\" VALUES(1)"])
    },
    HostileCase("settings with escapes", "its settings hold") {
      try $0.forge(["SELECT 1"], settings: "\u{1b}[2J")
    },
    HostileCase("a lease whose holder has escapes") {
      try $0.change(
        ReplicaLayout.lease,
        [
          "host": "\u{1b}[2Jhost", "database": "/\u{1b}]0;owned\u{07}",
          "renewed": "\(Int64(Date().timeIntervalSince1970 * 1e6))",
        ])
    },
    HostileCase("a generation whose reason has escapes") {
      try $0.change(
        ReplicaLayout.record($0.generation), ["reason": "\u{1b}[2Jreason", "writer": "\u{9b}31mwriter"])
    },
    HostileCase("a barrier with escapes") {
      let last = try $0.lastBatch()
      let number = last.transactions.upperBound
      try $0.put(
        last.key,
        HostileReplica.batch(
          Array(
            ("-- sqlite3-cloud-s3 statements 1\n-- generation \($0.generation)\n-- transactions \(number) \(number)\n"
              + "-- transaction \(number) time=\(last.time) statements=0 wal=\(last.end) barrier=\u{1b}[2J\u{7f}\n")
              .utf8)))
    },
  ]
}

extension HostileReplica {
  /// Returns the manifest of the last base.
  func base() throws -> String {
    let folder = ReplicaLayout.bases(generation)
    return folder + (try names(folder).last ?? "")
  }

  /// Returns the value of a field of a record.
  func line(_ name: String, of key: String) throws -> Substring {
    let text = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: work.replica.path(key))), as: UTF8.self)
    return text.split(separator: "\n").first { $0.hasPrefix(name + " ") }?.dropFirst(name.count + 1) ?? ""
  }
}
