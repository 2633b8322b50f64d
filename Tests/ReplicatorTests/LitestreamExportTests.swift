import DirectoryObjectStore
import Files
import ObjectStore
import ReplicaCatalog
import Restore
import TestSupport
import Testing

/// Tests the export of a database that is larger than one file of Litestream.
@Suite struct LitestreamExportTests {
  private struct Exported {
    let fixture: MirrorFixture
    let place: Files.TemporaryFolder
    let store: DirectoryObjectStore
    let report: LitestreamExport.Report
  }

  /// Exports some hundred pages in files of twenty.
  private func exported(partSize: Int = 20 * 4096) throws -> Exported {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(a, b)")
    try fixture.run("INSERT INTO t VALUES(1, randomblob(800000)), (2, zeroblob(90000))")
    try fixture.close()
    let place = try Files.TemporaryFolder()
    let store = try DirectoryObjectStore(path: place.path)
    var export = LitestreamExport(ReplicaCatalog(fixture.store), to: store, isDirectory: true)
    export.partSize = partSize
    export.place = fixture.path
    return Exported(fixture: fixture, place: place, store: store, report: try export.run())
  }

  @Test func severalFilesMakeTheSameDatabase() throws {
    let exported = try exported()
    #expect(exported.report.files > 5)
    let output = exported.fixture.folder.path + "/back.db"
    let report = try LitestreamRestore(exported.store).run(to: output)
    #expect(report.files.count == exported.report.files)
    #expect(try exported.fixture.bytes(output) == exported.fixture.bytes(exported.fixture.restore(.wal)))
  }

  @Test(.enabled(if: Servers.hasLitestream)) func litestreamPutsThemTogetherToo() throws {
    let exported = try exported()
    let output = exported.fixture.folder.path + "/theirs.db"
    let result = try ShellHarness.run(
      Servers.program("litestream"), ["restore", "-o", output, exported.store.url])
    #expect(result.code == 0, "\(result)")
    #expect(try exported.fixture.bytes(output) == exported.fixture.bytes(exported.fixture.restore(.wal)))
  }

  /// The remains of an interrupted export are no replica, rather than half a database.
  @Test func isNothingWithoutTheFirst() throws {
    let exported = try exported()
    let first = try #require(try exported.store.listAll(prefix: "ltx/9/").first)
    try exported.store.delete(first.key)
    #expect(throws: RestoreError.self) {
      try LitestreamRestore(exported.store).run(to: exported.fixture.folder.path + "/back.db")
    }
  }

  @Test func leavesNothingBeside() throws {
    let exported = try exported(partSize: 64 << 20)
    #expect(exported.report.files == 2 && exported.report.transaction == 2)
    #expect(
      try Folder.filesRecursively(in: exported.place.path).sorted() == [
        "ltx/0/0000000000000002-0000000000000002.ltx", "ltx/9/0000000000000001-0000000000000002.ltx",
      ])
    let names = try Folder.names(in: exported.fixture.folder.path)
    #expect(names.allSatisfy { !$0.contains("exporting") })
  }

  @Test func stopsWhenItIsInterrupted() throws {
    let exported = try exported()
    let other = try Files.TemporaryFolder()
    var export = LitestreamExport(
      ReplicaCatalog(exported.fixture.store), to: try DirectoryObjectStore(path: other.path),
      isDirectory: true)
    export.isInterrupted = { true }
    #expect(throws: RestoreError.self) { try export.run() }
    var restore = LitestreamRestore(exported.store)
    restore.isInterrupted = { true }
    let output = exported.fixture.folder.path + "/back.db"
    #expect(throws: RestoreError.self) { try restore.run(to: output) }
    #expect(!FileInfo.exists(output) && !FileInfo.exists(output + ".restoring"))
  }

  @Test func refusesIfThereIsNoRoom() throws {
    let exported = try exported()
    var restore = LitestreamRestore(exported.store)
    restore.freeBytes = { _ in 1000 }
    let output = exported.fixture.folder.path + "/back.db"
    #expect(throws: RestoreError.self) { try restore.run(to: output) }
  }
}
