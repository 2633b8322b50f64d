import Foundation
import ReplicaFormat
import TestSupport
import Testing

private enum FormatReader {
  static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Format/read.py").path

  /// Whether Python and the libraries of the two algorithms are installed.
  static let canRun = (try? ShellHarness.run("python3", ["-B", script]))?.code == 1
}

/// A reader in another language, written from `Docs/Format.md` alone, restores the same as the
/// program, byte for byte.
@Suite(.enabled(if: FormatReader.canRun)) struct FormatReaderTests {
  private let folder: TemporaryFolder
  private var url: String { "file://\(folder.path("replica"))" }

  init() throws { folder = try TemporaryFolder() }

  private func mirror(_ lines: [String], isNew: Bool = false) throws {
    let first = isNew ? [".mirror on --new-generation \(url)"] : []
    let input = (first + lines + [".mirror sync"]).joined(separator: "\n") + "\n"
    let mirror = isNew ? [] : ["-mirror", url]
    let result = try ShellHarness.run(
      ShellHarness.program, ["-durability", "sync"] + mirror + ["mirrored.db"], input: Data(input.utf8),
      in: folder, seconds: 300)
    try #require(result.code == 0 && result.errors.isEmpty, "\(result.errors)")
  }

  /// Makes a replica: three sessions, two generations, merged objects, transactions of several
  /// parts, and a database that shrank.
  private func makeReplica() throws {
    try mirror(
      ["PRAGMA page_size=1024;", "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"]
        + (1...40).map { "INSERT INTO t(b) VALUES(hex(randomblob(\($0 * 7))));" })
    try mirror(
      (2...9).map { "UPDATE t SET b=b||'x' WHERE a%\($0)=0;" } + [
        "WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM c WHERE n<9000)"
          + " INSERT INTO t(b) SELECT randomblob(1000) FROM c;",
        "DELETE FROM t WHERE a>30;", "VACUUM;", "INSERT INTO t(b) VALUES('after the vacuum');",
      ])
    try mirror(
      (1...20).map { "INSERT INTO t(b) VALUES('third \($0)');" } + ["CREATE INDEX i ON t(b);"], isNew: true)
  }

  /// Keys of all objects.
  private func keys() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: folder.path("replica")).sorted()
  }

  private func read(_ transaction: Int?) throws -> ShellHarness.Result {
    try ShellHarness.run(
      "python3",
      ["-B", FormatReader.script, folder.path("replica"), "read.db"] + (transaction.map { ["\($0)"] } ?? []),
      in: folder, seconds: 120)
  }

  private func restore(_ transaction: Int?) throws -> ShellHarness.Result {
    let target = transaction.map { " --to-txn \($0)" } ?? ""
    return try ShellHarness.run(
      ShellHarness.program, ["restored.db", ".restore wal --force --from \(url)\(target)"], in: folder,
      seconds: 120)
  }

  @Test func restoresTheSameBytes() throws {
    try makeReplica()
    let all = try keys()
    #expect(all.filter { $0.hasPrefix("chain/") && $0.hasSuffix(".txt") }.count == 2)
    #expect(Set(all.filter { $0.contains("/merged/0") }.map { $0.split(separator: "/")[1] }).count == 2)
    #expect(all.contains { $0.contains(".0002-") && $0.contains("/wal/") })
    // The end, within a merged object, in several parts, and the second base.
    let more = [0, 1, 41, 42, 49, 51, 52, 53, 55, 56, 74].prefix(Seeded.rounds(0, 11))
    let moments = [nil, 20, 50, 54] + Array(more)
    for transaction in moments {
      let (read, restored) = (try read(transaction), try restore(transaction))
      #expect(read.code == 0 && restored.code == 0, "\(read.errors)\(restored.errors)")
      #expect(
        try folder.read("read.db") == folder.read("restored.db"),
        "transaction \(transaction.map { "\($0)" } ?? "at the end")")
    }
    for result in [try read(76), try restore(76)] { #expect(result.code == 1) }
    try losesNothingInSilence(all)
  }

  /// Expects that both refuse a replica with a lost end, and one with a gap.
  private func losesNothingInSilence(_ all: [String]) throws {
    let last = try #require(all.last { $0.contains("/wal/0") })
    let seal = try #require(all.first { $0.contains("/wal/0000000000000036.") })
    let first = try #require(all.first { $0.contains("/base/0000000000000036-") })
    for key in [last, seal, first] {
      let path = folder.path("replica/\(key)")
      let kept = try Data(contentsOf: URL(fileURLWithPath: path))
      try FileManager.default.removeItem(atPath: path)
      // The seal of a marked generation is not needed to read the newest state.
      let expected: Int32 = key == seal ? 0 : 1
      for result in [try read(nil), try restore(nil)] { #expect(result.code == expected, "\(key)") }
      try kept.write(to: URL(fileURLWithPath: path))
    }
    #expect(try read(nil).code == 0)
    try followsNoCircle(all)
  }

  /// Expects that both refuse a turn with the identifier of its predecessor, because it leads to
  /// itself.
  private func followsNoCircle(_ all: [String]) throws {
    let key = try #require(all.last { $0.contains("/wal/0") })
    let slot = try #require(Place(key: key))
    let session = TurnRecord.Session(number: 1, host: "h", process: 1, database: "d")
    let place = Place(slot.generation, transaction: slot.transaction, previous: slot.previous)
    let turn = TurnRecord(place: place, id: slot.previous, session: session, time: 5, reason: "r")
    try Data(turn.bytes).write(to: URL(fileURLWithPath: folder.path("replica/\(place.key)")))
    for result in [try read(nil), try restore(nil)] {
      #expect(result.code == 1 && result.errors.contains("the entries after it lead back to it"), "\(result)")
    }
  }
}

extension FormatReaderTests {
  /// Merged objects of two sessions may overlap (rule 10), also across a base: the entries of both
  /// may be gone.
  @Test func readsMergedObjectsThatOverlap() throws {
    try mirror(
      ["CREATE TABLE t(a INTEGER PRIMARY KEY, b);"]
        + (1...12).map {
          "INSERT INTO t(b) VALUES(hex(randomblob(\($0 * 9))));" + ($0 == 6 ? "\n.mirror snapshot" : "")
        })
    let slots = try keys().compactMap { Place(key: $0) }.sorted { $0.transaction < $1.transaction }
    try #require(slots.count == 13)
    let objects = try slots.map { place in
      (place.key, Array(try folder.read("replica/\(place.key)")))
    }
    #expect(try keys().contains { $0.contains("/base/0000000000000007-") })
    let merged = folder.path("replica/generations/\(slots[0].generation)/merged")
    try FileManager.default.createDirectory(atPath: merged, withIntermediateDirectories: true)
    for range in [0..<8, 4..<13] {
      let (name, bytes) = try SliceMerge.merge(Array(objects[range]), stored: 13, created: 1)
      let path = folder.path("replica/\(name.key(in: slots[0].generation))")
      try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
    for place in slots { try FileManager.default.removeItem(atPath: folder.path("replica/\(place.key)")) }
    for transaction in [nil, 3, 4, 5, 7, 8, 9, 12] {
      let (read, restored) = (try read(transaction), try restore(transaction))
      #expect(read.code == 0 && restored.code == 0, "\(read.errors)\(restored.errors)")
      #expect(try folder.read("read.db") == folder.read("restored.db"))
    }
    let proof = try ShellHarness.run(
      ShellHarness.program, ["any.db", ".mirror verify --from \(url)"], in: folder)
    #expect(proof.code == 0 && proof.output.contains("no fault found"), "\(proof)")
  }
}
