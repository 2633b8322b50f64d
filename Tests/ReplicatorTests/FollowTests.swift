import Bytes
import Dispatch
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import Synchronization
import TestSupport
import Testing

@testable import Restore

/// Tests copies that follow a replica while others read them.
@Suite struct FollowTests {
  /// A follower on a thread of its own.
  private final class Following: Sendable {
    private let ends = Mutex(false)
    private let events = Mutex<[String]>([])
    private let result = Mutex<Result<ChainPoint?, any Error>?>(nil)

    init(_ store: any ObjectStore, _ output: String, force: Bool = false) {
      var follower = Follower(ReplicaCatalog(store), output: output)
      follower.force = force
      follower.pause = 0.01...0.02
      follower.isInterrupted = { [self] in ends.withLock { $0 } }
      follower.tell = { [self] event in
        let text =
          switch event {
          case .built(let point): "built \(point.transaction)"
          case .advanced(let point): "advanced \(point.transaction)"
          case .notice(let notice): notice
          }
        events.withLock { $0.append(text) }
      }
      // The thread owns it alone.
      nonisolated(unsafe) let handed = follower
      DispatchQueue(label: "follower").async { [self] in
        let outcome = Result { try handed.run() }
        result.withLock { $0 = outcome }
      }
    }

    var told: [String] { events.withLock { $0 } }

    /// Stops as after Ctrl-C.
    func stop() throws -> ChainPoint? {
      ends.withLock { $0 = true }
      try Poll.until { result.withLock { $0 != nil } }
      return try result.withLock { $0 }?.get()
    }

    /// Waits until it ends by itself.
    func failure() throws -> String {
      try Poll.until { result.withLock { $0 != nil } }
      do {
        _ = try result.withLock { $0 }?.get()
        return "none"
      } catch {
        return "\(error)"
      }
    }
  }

  private func number(_ reader: Connection) -> Value? { try? reader.value("SELECT n FROM t") }

  @Test func readersSeeEachStateWithoutOpeningItAgain() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(n, pad); INSERT INTO t VALUES(0, zeroblob(9000))")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    let following = Following(fixture.store, copy)
    try Poll.until { !following.told.isEmpty }
    let reader = try Connection(copy, .readOnly)
    defer { reader.close() }
    for n in 1...20 {
      try fixture.run(
        "BEGIN; UPDATE t SET n = \(n); CREATE TABLE x\(n)(a); INSERT INTO x\(n) VALUES(randomblob(5000)); COMMIT"
      )
      try fixture.flush()
      try Poll.until { number(reader) == .integer(Int64(n)) }
      #expect(try reader.value("SELECT count(*) FROM x\(n)") == .integer(1))
      #expect(try reader.value("PRAGMA integrity_check") == .text("ok"))
    }
    try fixture.run("DROP TABLE x1; DROP TABLE x2; VACUUM; UPDATE t SET n = 99")
    try fixture.flush()
    try Poll.until { number(reader) == .integer(99) }
    #expect(try reader.value("PRAGMA integrity_check") == .text("ok"))
    let last = try #require(try following.stop())
    #expect(last.transaction == fixture.mirror?.status().stored)
    #expect(following.told.filter { $0.hasPrefix("built") }.count == 1)
    try fixture.close()
    #expect(try content(copy) == content(fixture.path))
  }

  @Test func aReaderInATransactionKeepsItsState() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(n); INSERT INTO t VALUES(0); CREATE TABLE u(n); INSERT INTO u VALUES(0)")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    let following = Following(fixture.store, copy)
    try Poll.until { !following.told.isEmpty }
    let reader = try Connection(copy, .readOnly)
    defer { reader.close() }
    try reader.execute("BEGIN")
    #expect(number(reader) == .integer(0))
    try fixture.run("BEGIN; UPDATE t SET n = 1; UPDATE u SET n = 1; COMMIT")
    try fixture.flush()
    // Without a reader in the way, this time is enough to write it.
    Clock.sleep(seconds: 0.3)
    // A page that the reader has not read yet.
    #expect(try reader.value("SELECT n FROM u") == .integer(0))
    try reader.execute("COMMIT")
    try Poll.until { number(reader) == .integer(1) }
    _ = try following.stop()
    try fixture.close()
  }

  @Test func continuesAtItsEnd() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(n); INSERT INTO t VALUES(0)")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    for n in 1...3 {
      let following = Following(fixture.store, copy)
      try fixture.run("UPDATE t SET n = \(n)")
      try fixture.flush()
      try Poll.until {
        guard FileInfo.exists(copy), let reader = try? Connection(copy, .readOnly) else { return false }
        return number(reader) == .integer(Int64(n))
      }
      _ = try following.stop()
      #expect(following.told.first?.hasPrefix("built") == true)
    }
    #expect(!FileInfo.exists(copy + ".restoring"))
    try fixture.close()
  }

  @Test(arguments: [4096, 8192]) func takesOverANewGeneration(pageSize: Int) throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("PRAGMA page_size=4096; CREATE TABLE t(n); INSERT INTO t VALUES(1); CREATE TABLE old(a)")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    let following = Following(fixture.store, copy)
    try Poll.until { !following.told.isEmpty }
    let reader = try Connection(copy, .readOnly)
    defer { reader.close() }
    #expect(number(reader) == .integer(1))
    try fixture.close()
    // Another database at the same place, with as many schema changes, so that its cookie is the
    // same.
    for suffix in ["", "-wal", "-shm", "-s3pos"] { try Folder.remove(fixture.path + suffix) }
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run(
      "PRAGMA page_size=\(pageSize); CREATE TABLE other(a, b); CREATE TABLE t(x, n); INSERT INTO t VALUES('x', 2)"
    )
    try fixture.flush()
    try Poll.until { number(reader) == .integer(2) }
    #expect(try reader.value("PRAGMA integrity_check") == .text("ok"))
    #expect(try reader.value("PRAGMA page_size") == .integer(Int64(pageSize)))
    try fixture.run("UPDATE t SET n = 3")
    try fixture.flush()
    try Poll.until { number(reader) == .integer(3) }
    _ = try following.stop()
    #expect(following.told.filter { $0.hasPrefix("built") }.count == 2)
    try fixture.close()
    #expect(try content(copy) == content(fixture.path))
  }

  @Test func buildsAgainIfItsPlaceInTheChainIsMissing() throws {
    let fixture = try MirrorFixture()
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(n); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    var following = Following(fixture.store, copy)
    try Poll.until { !following.told.isEmpty }
    let before = try #require(try following.stop())
    // Delete every object that would continue the copy, as after a long pause.
    for n in 2...6 {
      try fixture.run("UPDATE t SET n = \(n)")
      try fixture.flush()
    }
    try #require(fixture.mirror).snapshot()
    try fixture.run("UPDATE t SET n = 7")
    try fixture.flush()
    let contents = try ReplicaCatalog(fixture.store).contents(of: before.generation)
    for slice in contents.slices where slice.transactions.lowerBound == before.transaction + 1 {
      try fixture.store.delete(ObjectKey(slice.key))
    }
    following = Following(fixture.store, copy)
    try Poll.until { following.told.filter { $0.hasPrefix("built") }.count == 2 }
    let reader = try Connection(copy, .readOnly)
    #expect(number(reader) == .integer(7))
    reader.close()
    _ = try following.stop()
    try fixture.close()
  }

  @Test func refusesWhatIsNotItsCopy() throws {
    let fixture = try MirrorFixture()
    try fixture.open()
    try fixture.run("CREATE TABLE t(n); INSERT INTO t VALUES(1)")
    try fixture.flush()
    let copy = fixture.folder.path + "/copy.db"
    let other = try Connection(copy)
    try other.execute("CREATE TABLE mine(a)")
    other.close()
    #expect(try Following(fixture.store, copy).failure().hasSuffix("--output for another file"))
    #expect(!FileInfo.exists(copy + "-s3follow"))
    let following = Following(fixture.store, copy, force: true)
    try Poll.until { !following.told.isEmpty }
    #expect(
      try Following(fixture.store, copy).failure()
        == "follow \(copy): another process keeps it current: stop that one first")
    _ = try following.stop()
    let writer = try Connection(copy)
    try writer.execute("INSERT INTO t VALUES(2)")
    writer.close()
    #expect(try Following(fixture.store, copy).failure().contains("was changed by another program"))
    try fixture.close()
  }

  /// Returns a copy of three pages or more, and its new content.
  private func prepare(_ folder: Files.TemporaryFolder) throws -> (
    path: String, slots: FollowSlots, copy: FollowedCopy
  ) {
    let path = folder.path + "/copy.db"
    let connection = try Connection(path)
    try connection.execute(
      "PRAGMA page_size=1024; CREATE TABLE t(n, pad); INSERT INTO t VALUES(1, randomblob(8000)); CREATE TABLE u(a)"
    )
    let pages = UInt32(try connection.fileSize() / 1024)
    let bytes = try connection.readFile(at: 0, count: Int(pages) * 1024)
    connection.close()
    var sum = Hash128.zero
    for page in 1...pages { sum ^= PageHash.of(page, bytes, at: Int(page - 1) * 1024, pageSize: 1024) }
    let slots = try FollowSlots(for: path, url: "memory:")
    let generation = try #require(GenerationID("00000001-00000001"))
    try slots.write(
      FollowRecord(
        url: "memory:",
        point: ChainPoint(
          generation: generation, transaction: 1, id: .none, time: 0,
          state: DatabaseState(pageSize: 1024, pages: pages, checksum: sum)),
        header: Array(bytes[..<CopyHeader.size]), counter: CopyHeader.counter(of: bytes),
        cookie: CopyHeader.cookie(of: bytes)))
    return (path, slots, try #require(try FollowedCopy(path, slots, check: {})))
  }

  private struct Cut: Error {}

  @Test(arguments: [1, 2, 4, 6]) func aChangeThatIsCutOffIsTakenBack(after images: Int) throws {
    let folder = try Files.TemporaryFolder()
    let (path, slots, copy) = try prepare(folder)
    let before = try content(path)
    let old = copy.record.point
    // Another database of other sizes, of which only some pages arrive.
    for pages in [old.state.pages - 3, old.state.pages, old.state.pages + 4] {
      let new = ChainPoint(
        generation: old.generation, transaction: 2, id: .none, time: 1,
        state: DatabaseState(pageSize: 1024, pages: pages, checksum: .zero))
      var count = 0
      #expect(throws: Cut.self) {
        _ = try copy.publish(new, changed: Array(1...pages)) { page in
          count += 1
          if count > images { throw Cut() }
          return page == 1 ? try copy.image(1) : [UInt8](repeating: 0xee, count: 1024)
        }
      }
      if images > 1 { #expect(FileInfo.exists(path + "-journal")) }
      // The next reader sees the state before.
      #expect(try content(path) == before)
      #expect(!FileInfo.exists(path + "-journal"))
      #expect(try copy.image(2) != [UInt8](repeating: 0xee, count: 1024))
    }
    copy.close()
    let again = try #require(try FollowedCopy(path, slots, check: {}))
    #expect(again.record.point == old)
    again.close()
  }
}
