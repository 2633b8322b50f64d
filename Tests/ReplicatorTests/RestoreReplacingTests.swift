import Bytes
import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import TestSupport
import Testing
import WALFormat

@testable import Restore

/// Tests changes at the output while a restore runs, and ends that were lost.
@Suite struct RestoreReplacingTests {
  private func replica() throws -> MirrorFixture {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 0
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(a)")
    for n in 1...3 {
      try fixture.run("INSERT INTO t VALUES(\(n))")
      try fixture.flush()
    }
    try fixture.close()
    return fixture
  }

  /// Restores, and calls `meanwhile` just before the first object is fetched.
  private func restore(
    _ fixture: MirrorFixture, force: Bool = false, meanwhile: @escaping () throws -> Void
  ) throws -> String {
    let output = fixture.folder.path + "/output.db"
    var restore = Restore(ReplicaCatalog(fixture.store))
    restore.force = force
    restore.watch = { _ in try? meanwhile() }
    _ = try restore.run(.wal, to: output)
    return output
  }

  private func code(_ body: () throws -> String) -> RestoreError.Code? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? RestoreError)?.code
    }
  }

  @Test func seesADatabaseThatIsMadeMeanwhile() throws {
    let fixture = try replica()
    let output = fixture.folder.path + "/output.db"
    func makeDatabase() throws {
      let connection = try Connection(output)
      try connection.execute("CREATE TABLE mine(x)")
      connection.close()
    }
    let unforced = code { try restore(fixture, meanwhile: makeDatabase) }
    #expect(unforced == .exists)
    #expect(try content(output).count == 1)
    #expect(!FileInfo.exists(output + ".restoring"))
    // A database in use is not replaced, even with `force`.
    var user: Connection?
    let forced = code {
      try restore(fixture, force: true) {
        user = try Connection(output)
        try user?.execute("INSERT INTO mine VALUES(1)")
      }
    }
    #expect(forced == .busy)
    user?.close()
    #expect(try restore(fixture, force: true) {}.isEmpty == false)
    #expect(try content(output) == content(fixture.path))
  }

  @Test func anEmptyFileThatIsMadeMeanwhileIsNoDatabase() throws {
    let fixture = try replica()
    let output = try restore(fixture) { _ = try File(fixture.folder.path + "/output.db", .create) }
    #expect(try content(output) == content(fixture.path))
  }

  @Test func leftoversOfAnOldDatabaseAreNotPlayedIntoTheNewOne() throws {
    let fixture = try replica()
    for suffix in ["-wal", "-journal", "-shm"] {
      try File(fixture.folder.path + "/output.db" + suffix, .create).write(Array("left".utf8), at: 0)
    }
    let output = try restore(fixture) {}
    #expect(try content(output) == content(fixture.path))
    #expect(!FileInfo.exists(output + "-wal") && !FileInfo.exists(output + "-journal"))
  }

  @Test func aFolderThatIsMovedAwayMeanwhileIsNoWayIn() throws {
    let fixture = try replica()
    let folder = fixture.folder.path
    try Folder.create(folder + "/victim")
    try File(folder + "/victim/database", .create).write(Array("precious".utf8), at: 0)
    var restore = Restore(ReplicaCatalog(fixture.store))
    // This checks the room once more, right before the folder is made, so an earlier run's folder
    // is used.
    restore.verifies = true
    let output = folder + "/output.db"
    _ = try PrivateFolder(output + ".restoring")
    let before = try RestoreFolder(for: output, identity: "x")
    try Folder.rename(output + ".restoring", to: folder + "/moved")
    try File(folder + "/victim/keep", .create).write([1], at: 0)
    try NamedFileLink.make(to: folder + "/victim", at: output + ".restoring")
    #expect(throws: RestoreError.self) { _ = try before.place(before.database, ifAbsent: true) }
    before.discard()
    #expect(try Folder.names(in: folder + "/victim") == ["database", "keep"])
    #expect(throws: FilesError.self) { _ = try restore.run(.wal, to: output) }
    #expect(try Folder.names(in: folder + "/victim") == ["database", "keep"])
  }

  // MARK: Lost ends

  enum Witness: CaseIterable { case statements, lease, record, none }

  @Test(arguments: Witness.allCases) func aLostEndHasWitnesses(_ witness: Witness) throws {
    let fixture = try replica()
    let store = fixture.store
    let catalog = ReplicaCatalog(store)
    let contents = try catalog.newest()
    let last = try #require(contents.slices.last)
    let transaction = last.transactions.upperBound
    #expect(transaction == 4)
    let lease = try LeaseRecord(store.get(ObjectKey(ReplicaLayout.lease)).bytes, object: "lease.txt")
    #expect(lease.last == Place(contents.generation, transaction: transaction + 1, previous: last.id))
    if witness != .lease {
      var old = lease
      old.last = nil
      try store.put(ObjectKey(ReplicaLayout.lease), old.bytes, .always)
    }
    if witness != .statements {
      for name in contents.batches.keys where name.transactions.upperBound == transaction {
        try store.delete(ObjectKey(name.key(in: contents.generation)))
      }
    }
    // There is no notice while nothing is missing.
    var restore = Restore(catalog)
    restore.force = true
    let output = fixture.folder.path + "/output.db"
    // A restore removes the files beside the database that it replaces.
    func putRecord() throws {
      guard witness == .record else { return }
      try File(output + "-s3pos", .create).write(fixture.bytes(fixture.path + "-s3pos"), at: 0)
    }
    try putRecord()
    #expect(try restore.run(.wal, to: output).notices.isEmpty)
    try store.delete(ObjectKey(last.key))
    let before = try FileInfo.of(output)
    for source in [Restore.Source.wal, .sql] {
      try putRecord()
      let refused = code {
        _ = try restore.run(source, to: output)
        return ""
      }
      #expect(refused == (witness == .none ? nil : .hole))
    }
    if witness != .none { #expect(try FileInfo.of(output) == before) }
    restore.allowsShorter = true
    try putRecord()
    let report = try restore.run(.wal, to: output)
    #expect(report.transaction == transaction - 1)
    #expect(report.notices.isEmpty == (witness == .none), "\(report.notices)")
    // A requested earlier end is no lost end.
    restore.allowsShorter = false
    restore.target.transaction = transaction - 1
    #expect(try restore.run(.wal, to: output).notices.isEmpty)
    var faults: [Verification.Fault] = []
    try Verification(catalog).run(comparing: nil) { faults += $0.faults }
    #expect(faults.isEmpty == (witness == .none || witness == .record), "\(faults)")
  }

  @Test func aLostGenerationIsReported() throws {
    let fixture = try replica()
    fixture.settings.newGeneration = true
    try fixture.open()
    try fixture.run("INSERT INTO t VALUES(9)")
    try fixture.close()
    let catalog = ReplicaCatalog(fixture.store)
    let generations = try catalog.generations()
    #expect(generations.count == 2)
    for object in try fixture.store.listAll(prefix: ReplicaLayout.folder(generations[1])) {
      try fixture.store.delete(object.key)
    }
    var restore = Restore(catalog)
    let output = fixture.folder.path + "/output.db"
    restore.force = true
    // The mark names the newest generation, so an older state is not restored without an error.
    #expect(throws: FormatError.self) { try restore.run(.wal, to: output) }
    restore.target.generation = generations[0]
    #expect(try restore.run(.wal, to: output).notices.isEmpty)
  }
}

private enum NamedFileLink {
  struct Failed: Error {}
  static func make(to target: String, at path: String) throws {
    guard NamedFile.write(.link(to: Array(target.utf8)), to: Array(path.utf8), mode: nil, modified: nil)
    else {
      throw Failed()
    }
  }
}
