import Bytes
import Files
import ReplicaFormat
import SQLite
import WALFormat

/// Reads every page of the database at one place in the log.
///
/// May be used on any thread. It stays readable while the guard prevents a restart of the log, and
/// a copy into the database file past that place.
struct Snapshot: Sendable {
  let file: DatabaseFile
  let log: File?
  let header: WALHeader?
  /// The newest frame of each page that the log holds.
  let frames: [UInt32: Int]
  let pageSize: Int
  let pages: UInt32

  /// Fills `bytes` with pages `first` to `first + count - 1`, one after the other.
  ///
  /// If everything had been copied into the database file, a writer may restart the log at any
  /// time. Then the file holds the whole snapshot, and the guard prevents changes to it.
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
    // A restart writes the header first: if that is unchanged, so were the frames.
    let isCurrent = WALHeader(try log.read(at: 0, count: WALHeader.size))?.salt == header.salt
    if !isCurrent { try file.read(into: &bytes, at: offset) }
  }

  /// Reads all pages in runs; `body` gets the first page and the bytes of each run.
  func forEachRun(pages perRun: Int, _ body: (_ first: UInt32, _ bytes: [UInt8]) throws -> Void) throws {
    var bytes: [UInt8] = []
    for run in runs(pages: perRun) {
      try read(run.first, count: run.count, into: &bytes)
      try body(run.first, bytes)
    }
  }

  /// Returns the first page and the length of each run.
  func runs(pages perRun: Int) -> [(first: UInt32, count: Int)] {
    stride(from: 1, through: Int(pages), by: perRun).map { (UInt32($0), min(perRun, Int(pages) - $0 + 1)) }
  }

  /// Returns the checksum of the whole database.
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
