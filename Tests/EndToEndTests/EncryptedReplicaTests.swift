import Foundation
import TestSupport
import Testing

/// The built program with a key: what it stores, and what it prints if the key is wrong.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct EncryptedReplicaTests {
  private static let first = "5e1f0c9a7b3d24688642d3b7a9c0f1e55e1f0c9a7b3d24688642d3b7a9c0f1e5"
  private static let second = "ACEGIKMOQSUWYacegikmoqsuwy13579+ACEGIKMOQSU="

  /// A workplace whose programs read `key` as their key file.
  private struct Place {
    let work: Workplace
    let keys: TemporaryFolder

    init(_ kind: Replica.Kind) throws {
      work = try Workplace(kind)
      keys = try TemporaryFolder()
    }

    func setKeys(_ text: String) throws {
      try keys.write(text + "\n", to: "key")
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keys.path("key"))
    }

    func run(_ script: String, key: Bool = true, _ extra: [String: String] = [:]) throws
      -> ShellHarness.Result
    {
      let variables = key ? ["S3_ENCRYPTION_KEY_FILE": keys.path("key")] : [:]
      return try work.shell(script, ["-bail"], environment: variables.merging(extra) { $1 })
    }

    /// Restores with the mirror off; returns the installed sqlite3's answer, or the error.
    func restore(_ source: String, key: Bool = true) throws -> String {
      let other = try TemporaryFolder()
      let result = try ShellHarness.run(
        ShellHarness.program, ["-mirror", "off", "-bail", ":memory:"],
        input: Data(".restore \(source) --from \(work.replica.url) --output r.db --verify\n".utf8), in: other,
        environment: work.environment.merging(key ? ["S3_ENCRYPTION_KEY_FILE": keys.path("key")] : [:]) { $1 }
      )
      guard result.code == 0 else { return result.errors }
      return try sqlite3("SELECT group_concat(a) FROM t", other.path("r.db"))
    }
  }

  @Test(arguments: [Replica.Kind.directory, .seaweed]) func keepsEverythingFromReadersWithoutTheKey(
    _ kind: Replica.Kind
  ) throws {
    let place = try Place(kind)
    try place.setKeys(Self.first)
    let created = try place.run(
      "CREATE TABLE t(a, b);\nINSERT INTO t VALUES(1, 'a word to find');\n.mirror sync\n.mirror status\n"
        + ".mirror status --json\n.mirror check\n")
    #expect(created.code == 0, "\(created.errors)")
    let line = try Regex("encryption: AES-256-GCM, key ([0-9a-f]{16})\n")
    let found = created.output.firstMatch(of: line)?[1].substring
    let id = try #require(found)
    #expect(created.output.contains("\"encryption_key\":\"\(id)\"}\n"))
    #expect(created.output.contains("AES-256-GCM, key \(id) from S3_ENCRYPTION_KEY_FILE"))

    // Killed, and started again.
    let shell = try RunningShell(
      place.work.replica.arguments + ["live.db"],
      script:
        "INSERT INTO t VALUES(2, 'a word to find');\n.mirror sync\nINSERT INTO t VALUES(3, 'a word to find');\n"
        + "SELECT 'there';\n",
      environment: place.work.environment.merging(["S3_ENCRYPTION_KEY_FILE": place.keys.path("key")]) { $1 },
      in: place.work.folder)
    #expect(shell.expect("there"))
    shell.kill()
    let after = try place.run("INSERT INTO t VALUES(4, 'a word to find');\n.mirror verify\n.mirror log\n")
    #expect(after.code == 0 && after.output.contains("no fault found"), "\(after)")
    #expect(
      after.output.contains("insert into t values(4") || after.output.contains("INSERT INTO t VALUES(4"))
    for source in ["wal", "sql"] { #expect(try place.restore(source) == "1,2,3,4\n") }

    // Rotation: a new generation, which the new key alone reads.
    try place.setKeys(Self.second + "\n# before\n" + Self.first)
    let rotated = try place.run(
      "INSERT INTO t VALUES(5, 'a word to find');\n.mirror sync\n.mirror list\n.mirror verify --all\n")
    #expect(rotated.code == 0 && rotated.output.contains("(the encryption key changed)"), "\(rotated)")
    #expect(rotated.errors == "mirror: the encryption key changed; starting a new generation\n")
    #expect(
      try place.work.generationCount(environment: ["S3_ENCRYPTION_KEY_FILE": place.keys.path("key")]) == 2)
    try place.setKeys(Self.second)
    for source in ["wal", "sql"] { #expect(try place.restore(source) == "1,2,3,4,5\n") }

    let objects = try place.work.replica.objects()
    #expect(objects.count > 10)
    for (name, bytes) in objects where !name.hasPrefix("%") {
      let isOpen = name == "lease.txt" || name.hasPrefix("chain/")
      #expect(bytes.starts(with: Data("SQLCS3E1".utf8)) != isOpen, "\(name)")
      for word in [
        "a word to find", "SQLite format", "INSERT", Self.first, Self.second, "sqlite3-cloud-s3 base",
      ] {
        #expect(bytes.range(of: Data(word.utf8)) == nil, "\(word) in \(name)")
      }
    }
    for text in [created, after, rotated].flatMap({ [$0.output, $0.errors] }) {
      #expect(!text.contains(Self.first) && !text.contains(Self.second))
    }
    #expect(
      !String(decoding: try place.work.folder.read("live.db-s3pos"), as: UTF8.self).contains("5e1f0c9a"))

    // The wrong key and none.
    try place.setKeys(Self.first)
    for source in ["wal", "sql"] {
      let wrong = try place.restore(source)
      #expect(wrong.contains(", which is not among those of S3_ENCRYPTION_KEY_FILE"), "\(wrong)")
      #expect(wrong.contains("(\(id)): add it there, on a line of its own"), "\(wrong)")
      let none = try place.restore(source, key: false)
      #expect(none.hasPrefix("Error: get generations/00000002-"), "\(none)")
      #expect(none.contains(": set S3_ENCRYPTION_KEY_FILE to a file that holds it"), "\(none)")
    }
    let blocked = try place.run("INSERT INTO t VALUES(6, 'x');\n", key: false)
    #expect(blocked.code == 1 && blocked.errors.contains("it is encrypted with key"), "\(blocked)")
    let names = Set(try place.work.replica.objects().keys)
    #expect(names == Set(objects.keys))
  }

  /// An unencrypted replica continues encrypted, in a new generation.
  @Test func beginsWithWhatWasPlain() throws {
    let place = try Place(.directory)
    let plain = try place.run(
      "CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n.mirror sync\n.mirror status\n", key: false)
    #expect(plain.output.contains("  encryption: none\n"), "\(plain)")
    try place.setKeys(Self.first)
    let result = try place.run("INSERT INTO t VALUES(2);\n.mirror verify --all\n")
    #expect(result.code == 0, "\(result)")
    #expect(result.errors == "mirror: encryption was turned on; starting a new generation\n")
    #expect(try place.restore("wal") == "1,2\n")
    let strict = try place.run(".mirror verify --all\n", ["S3_ENCRYPTION": "required"])
    #expect(strict.code == 1)
    #expect(
      strict.output.contains("it is not encrypted, and S3_ENCRYPTION=required wants that it is"), "\(strict)")
    #expect(try place.run(".mirror verify\n", ["S3_ENCRYPTION": "required"]).code == 0)
  }

  /// Litestream has no keys: the export is not encrypted, and its replicas are read.
  @Test func exportsInTheClear() throws {
    let place = try Place(.directory)
    try place.setKeys(Self.first)
    let other = try TemporaryFolder()
    let url = "file://\(other.path)/out"
    let result = try place.run(
      "CREATE TABLE t(a);\nINSERT INTO t VALUES(7);\n.mirror sync\n.mirror export litestream \(url)\n"
        + ".restore wal --from litestream:\(url) --output back.db\n", ["S3_ENCRYPTION": "required"])
    #expect(result.code == 0, "\(result)")
    #expect(try sqlite3("SELECT a FROM t", place.work.folder.path("back.db")) == "7\n")
    let files = try other.contents()
    #expect(!files.isEmpty && files.values.allSatisfy { !$0.starts(with: Data("SQLCS3E1".utf8)) })
  }

  @Test func takesTheKeyFromACommand() throws {
    let place = try Place(.directory)
    let file = try place.run(
      "CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n.mirror status\n", key: false,
      ["S3_ENCRYPTION_KEY_COMMAND": "cat; echo \(Self.first)"])
    #expect(file.code == 0 && file.output.contains("encryption: AES-256-GCM, key "), "\(file)")
    try place.setKeys(Self.first)
    #expect(try place.restore("wal") == "1\n")
  }

  @Test(arguments: [
    (["S3_ENCRYPTION_KEY_COMMAND": "exit 3"], "S3_ENCRYPTION_KEY_COMMAND failed: it exited with 3"),
    (["S3_ENCRYPTION_KEY_COMMAND": "echo"], "S3_ENCRYPTION_KEY_COMMAND holds no key"),
    (["S3_ENCRYPTION_KEY_FILE": "/no/such/key"], "the key of S3_ENCRYPTION_KEY_FILE cannot be read"),
    (["S3_ENCRYPTION_KEY_FILE": "/"], "the key of S3_ENCRYPTION_KEY_FILE cannot be read"),
    (
      ["S3_ENCRYPTION_KEY_FILE": "x", "S3_ENCRYPTION_KEY_COMMAND": "y"],
      "S3_ENCRYPTION_KEY_FILE and S3_ENCRYPTION_KEY_COMMAND are both set"
    ),
    (["S3_ENCRYPTION": "required"], "S3_ENCRYPTION=required, but there is no key"),
    (["S3_ENCRYPTION": "yes"], "S3_ENCRYPTION is required or not set, not \"yes\""),
  ]) func mirrorsNothingWithoutTheKeyAskedFor(_ settings: [String: String], _ message: String) throws {
    let place = try Place(.directory)
    let result = try place.run("CREATE TABLE t(a);\n", key: false, settings)
    #expect(result.code == 1 && result.errors.contains("mirror off: " + message), "\(result)")
    #expect(!FileManager.default.fileExists(atPath: place.work.replica.path("")))
  }

  @Test func warnsOfAKeyThatAllCanRead() throws {
    let place = try Place(.directory)
    try place.setKeys(Self.first)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: place.keys.path("key"))
    let result = try place.run("CREATE TABLE t(a);\n")
    #expect(result.code == 0)
    let path = place.keys.path("key")
    #expect(result.errors == "-- \(path) can be read by every user: use chmod 600 \(path)\n", "\(result)")
  }
}
