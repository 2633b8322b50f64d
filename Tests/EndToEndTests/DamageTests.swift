import Foundation
import TestSupport
import Testing

/// Restores from a replica that has lost something.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct DamageTests {
  enum Part: CaseIterable { case manifest, pages, middleSlice, lastSlice, batch }
  enum Harm: CaseIterable { case deleted, truncated, flipped, emptied }
  enum Source: String, CaseIterable { case wal, sql }

  /// The possible results.
  enum Outcome: Equatable {
    /// An error that names the object, or the missing one.
    case error
    /// The object was not needed.
    case whole
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let part: Part
    let harm: Harm
    let source: Source
    var testDescription: String { "\(source): \(part) \(harm)" }

    var outcome: Outcome {
      switch (part, harm, source) {
      // The lease and the statements prove that there was more.
      case (.lastSlice, .deleted, _): .error
      case (.batch, _, .wal): .whole
      // The chain of the WAL replaces missing statements.
      case (.batch, .deleted, .sql): .whole
      case (.middleSlice, .deleted, _): .error
      case (.middleSlice, _, .sql), (.lastSlice, _, .sql): .whole
      default: .error
      }
    }

    static let all = Part.allCases.flatMap { part in
      Harm.allCases.flatMap { harm in
        Source.allCases.map { Case(part: part, harm: harm, source: $0) }
      }
    }
  }

  /// Returns a replica with a base that has content and slices after it.
  private func makeReplica() throws -> (work: Workplace, whole: String) {
    let work = try Workplace(.directory)
    _ = try sqlite3(
      "CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
        + "INSERT INTO t SELECT i, hex(i * i) FROM n", work.folder.path("live.db"))
    // Fewer than are merged into one object.
    let changes = (1...6).map { "UPDATE t SET b = b || '-\($0)' WHERE a % 50 = \($0);\n.mirror sync\n" }
    try work.succeed(changes.joined())
    try work.succeed("DELETE FROM t WHERE a > 490;\n")
    return (work, try sqlite3(".dump", work.folder.path("live.db")))
  }

  private func key(of part: Part, in replica: Replica) throws -> String {
    let keys = try replica.objects().keys.sorted()
    func among(_ folder: String) -> [String] { keys.filter { $0.contains(folder) } }
    let objects = try replica.objects()
    let slices = among("/wal/").filter {
      !(objects[$0] ?? Data()).starts(with: Data("sqlite3-cloud-s3 turn".utf8))
    }
    let batches = among("/sql/")
    #expect(slices.count > 4 && batches.count > 4)
    let found =
      switch part {
      case .manifest: among("/base/").last
      case .pages: among("pages/").last
      case .middleSlice: slices[slices.count / 2]
      case .lastSlice: slices.last
      case .batch: batches[batches.count / 2]
      }
    return try #require(found)
  }

  private func harm(_ path: String, _ harm: Harm, _ random: inout Seeded) throws {
    let file = URL(fileURLWithPath: path)
    var bytes = try Data(contentsOf: file)
    switch harm {
    case .deleted: return try FileManager.default.removeItem(at: file)
    case .truncated: bytes.removeLast(Int.random(in: 1...bytes.count / 2, using: &random))
    case .emptied: bytes.removeAll()
    case .flipped:
      bytes[Int.random(in: 0..<bytes.count, using: &random)] ^=
        UInt8(1) << Int.random(in: 0...7, using: &random)
    }
    try bytes.write(to: file)
  }

  @Test(arguments: Case.all) func neverMakesAWrongDatabase(_ damage: Case) throws {
    var random = Seeded()
    let (work, whole) = try makeReplica()
    let key = try key(of: damage.part, in: work.replica)
    try harm(work.replica.path(key), damage.harm, &random)

    let other = try TemporaryFolder()
    _ = try sqlite3("CREATE TABLE mine(x); INSERT INTO mine VALUES('untouched')", other.path("old.db"))
    let before = try other.contents()
    let command = ".restore \(damage.source.rawValue) --from \(work.replica.url) --output old.db --force\n"
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", ":memory:"], input: Data(command.utf8), in: other,
      environment: work.environment)
    let about: Comment = "\(key), seed \(random.seed): \(result.output) \(result.errors)"

    switch damage.outcome {
    case .error:
      #expect(result.code == 1, about)
      #expect(try other.contents() == before, about)
      // For a missing slice, its first transaction is named.
      let isNamed =
        result.errors.contains(key)
        || damage.harm == .deleted && damage.part == .middleSlice && result.errors.contains("is missing")
        || damage.harm == .deleted && damage.part == .lastSlice && result.errors.contains("a slice was lost")
      #expect(isNamed, about)
    case .whole:
      #expect(result.code == 0, about)
      expectSame(try sqlite3(".dump", other.path("old.db")), whole)
    }
  }
}
