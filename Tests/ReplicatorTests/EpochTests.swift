import Replicator
import ObjectStore
import ReplicaFormat
import Restore
import Testing

/// Tests a log that is restarted again and again.
@Suite struct EpochTests {
  @Test func epochsShareASliceIfTheLogIsOftenRestarted() throws {
    let fixture = try MirrorFixture()
    fixture.settings.syncInterval = 5
    fixture.settings.checkpointFrames = 20
    fixture.settings.logLimit = 64 << 10
    fixture.settings.mergesObjects = false
    try fixture.open()
    try fixture.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t(a)")
    for number in 0..<600 { try fixture.run("INSERT INTO t(a) VALUES(\(number * 7919 % 1009))") }
    try fixture.flush()
    try fixture.run("DELETE FROM t WHERE id % 3 = 0")
    try fixture.close()
    let names = try fixture.store.listAll(prefix: "generations/").map(\.key.name)
    var isShared = false
    for name in names where name.contains("/wal/") {
      let reader = try SliceReader(fixture.store.get(ObjectKey(name)).bytes, object: name)
      let ends = reader.commits.indices.map { reader.end(ofCommit: $0).salt }
      if Set(ends).count > 1 { isShared = true }
    }
    #expect(isShared)
    for source in [Restore.Source.wal, .sql] {
      #expect(try content(fixture.restore(source)) == content(fixture.path))
    }
  }
}
