import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Every page of the database at one place in the log, to read from any thread.
///
/// Stays readable as long as the guard keeps the log from being restarted and from being copied into the database
/// file past that place.
struct Snapshot: Sendable {
  let file: DatabaseFile
  let log: File?
  let header: WALHeader?
  /// Newest frame of each page that the log holds.
  let frames: [UInt32: Int]
  let pageSize: Int
  let pages: UInt32

  /// Pages `first` to `first + count - 1`, one after the other.
  ///
  /// Where everything had been copied into the database file, a writer may restart the log at any time: then the file
  /// holds all of the snapshot, and the guard keeps it from being changed.
  func read(_ first: UInt32, count: Int) throws -> [UInt8] {
    let pages = try file.read(at: Int64(first - 1) * Int64(pageSize), count: count * pageSize)
    guard let log, let header else { return pages }
    var bytes = pages
    for number in 0..<count {
      guard let frame = frames[first + UInt32(number)] else { continue }
      let page = try log.read(at: Int(header.offset(ofFrame: frame)) + WALFrame.headerSize, count: pageSize)
      guard page.count == pageSize else { break }
      Kernels.copy(into: &bytes, at: number * pageSize, from: page, at: 0, count: pageSize)
    }
    // A restart writes the header first: where it is still the same, so were the frames.
    let isCurrent = WALHeader(try log.read(at: 0, count: WALHeader.size))?.salt == header.salt
    return isCurrent
      ? bytes : try file.read(at: Int64(first - 1) * Int64(pageSize), count: count * pageSize)
  }

  /// Reads all of it, a run of pages at a time.
  func forEachRun(pages perRun: Int, _ body: (_ first: UInt32, _ bytes: [UInt8]) throws -> Void) throws {
    var first: UInt32 = 1
    while first <= pages {
      let count = min(perRun, Int(pages - first) + 1)
      try body(first, try read(first, count: count))
      first += UInt32(count)
    }
  }

  /// Checksum of the whole database.
  func state() throws -> DatabaseState {
    var checksum = Hash128.zero
    try forEachRun(pages: max((1 << 20) / pageSize, 1)) { first, bytes in
      for number in 0..<bytes.count / pageSize {
        checksum ^= PageHash.of(first + UInt32(number), bytes, at: number * pageSize, pageSize: pageSize)
      }
    }
    return DatabaseState(pageSize: pageSize, pages: pages, checksum: checksum)
  }
}
