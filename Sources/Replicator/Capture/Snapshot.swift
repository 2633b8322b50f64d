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

  /// Fills `bytes` with pages `first` to `first + count - 1`, one after the other.
  ///
  /// Where everything had been copied into the database file, a writer may restart the log at any time: then the file
  /// holds all of the snapshot, and the guard keeps it from being changed.
  func read(_ first: UInt32, count: Int, into bytes: inout [UInt8]) throws {
    if bytes.count != count * pageSize { bytes = [UInt8](repeating: 0, count: count * pageSize) }
    let offset = Int64(first - 1) * Int64(pageSize)
    try file.read(into: &bytes, at: offset)
    guard let log, let header else { return }
    var isWhole = true
    for number in 0..<count {
      guard let frame = frames[first + UInt32(number)] else { continue }
      isWhole = false
      let page = try log.read(at: Int(header.offset(ofFrame: frame)) + WALFrame.headerSize, count: pageSize)
      guard page.count == pageSize else { break }
      Kernels.copy(into: &bytes, at: number * pageSize, from: page, at: 0, count: pageSize)
    }
    guard !isWhole else { return }
    // A restart writes the header first: where it is still the same, so were the frames.
    let isCurrent = WALHeader(try log.read(at: 0, count: WALHeader.size))?.salt == header.salt
    if !isCurrent { try file.read(into: &bytes, at: offset) }
  }

  /// Reads all of it, a run of pages at a time; `body` gets the first page of the run and all of its bytes.
  func forEachRun(pages perRun: Int, _ body: (_ first: UInt32, _ bytes: [UInt8]) throws -> Void) throws {
    var bytes: [UInt8] = []
    for run in runs(pages: perRun) {
      try read(run.first, count: run.count, into: &bytes)
      try body(run.first, bytes)
    }
  }

  /// The first page of each run of so many pages, and how many it has.
  func runs(pages perRun: Int) -> [(first: UInt32, count: Int)] {
    stride(from: 1, through: Int(pages), by: perRun).map { (UInt32($0), min(perRun, Int(pages) - $0 + 1)) }
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
