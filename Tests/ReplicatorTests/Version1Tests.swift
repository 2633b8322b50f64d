import Bytes
import DirectoryObjectStore
import Files
import Foundation
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Testing

/// `Version1` holds a replica whose slices have version 1, and its database: single slices of twelve transactions, of which
/// eight are merged too, over two epochs of the log.
@Suite struct Version1Tests {
  private let fixture: MirrorFixture
  private let expected: [String]
  private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
    "Version1")

  init() throws {
    let kept = try DirectoryObjectStore(path: folder.appendingPathComponent("replica").path)
    let store = MemoryStore()
    for item in try kept.listAll(prefix: "") {
      _ = try store.put(item.key, kept.get(item.key).bytes, .always)
    }
    fixture = try MirrorFixture(store)
    let path = fixture.folder.path + "/expected.db"
    let database = try Connection(path)
    try database.execute(String(contentsOf: folder.appendingPathComponent("database.sql"), encoding: .utf8))
    database.close()
    expected = try content(path)
  }

  @Test(arguments: [Restore.Source.wal, .sql]) func isRestored(_ source: Restore.Source) throws {
    #expect(try content(fixture.restore(source)) == expected)
  }

  @Test func isRestoredToEachTransaction() throws {
    var sums: Set<[String]> = []
    for transaction in 1...12 as ClosedRange<UInt64> {
      var target = RestoreTarget()
      target.transaction = transaction
      let physical = try content(fixture.restore(.wal, "wal.db", target))
      #expect(try content(fixture.restore(.sql, "sql.db", target)) == physical)
      sums.insert(physical)
    }
    #expect(sums.count == 12)
  }

  @Test func slicesGiveTheSameFramesWhenTheyAreMergedAnew() throws {
    let names = try fixture.store.listAll(prefix: "").map(\.key.name).filter { $0.contains("/wal/") }.sorted()
    let objects = try names.map { (name: $0, bytes: try fixture.store.get(ObjectKey($0)).bytes) }
    let singles = objects.filter { SliceName(key: $0.name)?.transactions.count == 1 }
    #expect(singles.count == 12)
    let merged = try SliceMerge.merge(singles, acknowledged: 12, created: 1)
    #expect(merged.bytes[8] == 2 && singles.allSatisfy { $0.bytes[8] == 1 })
    #expect(try frames([("merged", merged.bytes)]) == frames(singles))
    // What was merged from version 1 is merged once more.
    let first = try SliceMerge.merge(Array(singles[..<5]), acknowledged: 12, created: 1)
    let again = try SliceMerge.merge(
      [("first", first.bytes)] + singles[5...], acknowledged: 12, created: 1)
    #expect(try frames([("again", again.bytes)]) == frames(singles))
    // Sections that nothing joins are taken over, with what is in the store now.
    let last = try SliceMerge.merge([("again", again.bytes)], acknowledged: 99, created: 2)
    #expect(last.bytes.count <= again.bytes.count + 2)
    #expect(try SliceReader(last.bytes, object: "last").header.acknowledged == 99)
    #expect(try frames([("last", last.bytes)]) == frames(singles))
  }

  private func frames(_ objects: [(name: String, bytes: [UInt8])]) throws -> [[UInt8]] {
    var frames: [[UInt8]] = []
    // The base is one page.
    var target = RestoreTarget()
    target.transaction = 0
    var pages: [UInt32: [UInt8]] = [1: try fixture.bytes(fixture.restore(.wal, "base.db", target))]
    for object in objects {
      let reader = try SliceReader(object.bytes, object: object.name)
      while let page = reader.nextPage {
        let frame = try reader.next(base: pages[page].map { ($0, 0) })
        frames.append(frame)
        pages[page] = Array(frame[24...])
      }
    }
    return frames
  }

  @Test func isContinued() throws {
    #expect(try fixture.restore(.wal, "a.db") == fixture.path)
    try fixture.open()
    for number in 0..<30 {
      try fixture.run(
        "UPDATE t SET a = a || '\(number)' WHERE id % 7 = \(number % 7); INSERT INTO t(a) VALUES(\(number))")
      try fixture.flush()
    }
    try fixture.close()
    let generations = Set(
      try fixture.store.listAll(prefix: "generations/").map { $0.key.name.split(separator: "/")[1] })
    #expect(generations.count == 1)
    for source in [Restore.Source.wal, .sql] {
      #expect(try content(fixture.restore(source)) == content(fixture.path))
    }
  }
}
