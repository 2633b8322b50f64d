import Files
import SQLite
import TestSupport
import Testing
import WALFormat

/// Logs that SQLite wrote, and damaged ones.
@Suite struct CommitScannerTests {
  /// Returns a log of `commits` single-row commits, and the connection that keeps it.
  private func log(_ commits: Int, pageSize: Int = 4096) throws -> [UInt8] {
    let folder = try Files.TemporaryFolder()
    let path = folder.path + "/a.db"
    let connection = try Connection(path)
    try connection.execute("PRAGMA page_size=\(pageSize); PRAGMA journal_mode=WAL; CREATE TABLE t(a)")
    for number in 1..<commits { try connection.execute("INSERT INTO t VALUES(\(number))") }
    return try File(path + "-wal", .read).readAll()
  }

  private func scan(_ log: [UInt8]) throws -> (commits: [LogCommit], ended: Bool, header: WALHeader) {
    let header = try #require(WALHeader(Array(log[..<32])))
    var scanner = CommitScanner(header: header)
    let chunk = Array(log[32...])
    let (commits, ended) = scanner.scan(chunk, count: chunk.count)
    return (commits, ended, header)
  }

  @Test(arguments: [512, 1024, 4096, 65536]) func findsEveryCommit(_ pageSize: Int) throws {
    let log = try log(10, pageSize: pageSize)
    let (commits, ended, header) = try scan(log)
    #expect(commits.count == 10 && !ended && header.pageSize == pageSize)
    #expect(commits.allSatisfy { $0.frames.last?.isCommit == true && $0.databaseSize == 2 })
    #expect(commits.last?.end.frame == (log.count - 32) / header.frameSize)
  }

  @Test func endsAtABadChecksum() throws {
    var log = try log(10)
    let (all, _, header) = try scan(log)
    log[Int(header.offset(ofFrame: all[5].end.frame)) + 100] ^= 1
    let (commits, ended, _) = try scan(log)
    #expect(ended)
    #expect(commits.count == 5)
  }

  @Test func endsAtAnotherSalt() throws {
    var log = try log(10)
    let (all, _, header) = try scan(log)
    log[Int(header.offset(ofFrame: all[3].start.frame + 1)) + 8] ^= 1
    #expect(try scan(log).commits.count == 3)
  }

  @Test func leavesOutATornFrame() throws {
    let log = try log(10)
    let (commits, ended, _) = try scan(Array(log.dropLast(1)))
    #expect(commits.count == 9 && !ended)
  }

  @Test func refusesADamagedHeader() throws {
    let log = try log(2)
    for at in 0..<32 {
      var header = Array(log[..<32])
      header[at] ^= 1
      // The least bit of the magic number is the byte order of the sums, which then do not match.
      #expect(WALHeader(header) == nil, "byte \(at)")
    }
    #expect(WALHeader([]) == nil)
  }

  @Test func writesTheFramesThatItRead() throws {
    let log = try log(10)
    let (commits, _, header) = try scan(log)
    var made = header.bytes
    var sums = header.checksum
    for commit in commits {
      for (index, frame) in commit.frames.enumerated() {
        let at = Int(header.offset(ofFrame: commit.start.frame + index + 1))
        var bytes = [UInt8](repeating: 0, count: 24) + log[at + 24..<at + header.frameSize]
        frame.write(at: 0, in: &bytes, of: header, continuing: &sums)
        made += bytes
      }
    }
    #expect(made == log)
  }

  @Test func continuesWhereItStopped() throws {
    let log = try log(10)
    let header = try #require(WALHeader(Array(log[..<32])))
    var scanner = CommitScanner(header: header)
    var found = 0
    var at = 32
    while at < log.count {
      let chunk = Array(log[at..<min(at + header.frameSize, log.count)])
      found += scanner.scan(chunk, count: chunk.count).commits.count
      at += header.frameSize
    }
    #expect(found == 10)
  }
}
