import Bytes
import Files
import ReplicaFormat
import SQLite

/// A database file that others read while it changes from one state to the next.
///
/// It is changed like SQLite changes a database: under SQLite's exclusive lock, taken by a
/// connection, with the old pages in a rollback journal on the disk before the first page is
/// written. So a reader sees the state before it or after it. If this program ends in between,
/// SQLite restores the old state. A log made by hand would be unsafe with live readers, and a
/// backup would write the whole database each time.
final class FollowedCopy {
  let path: String
  private let slots: FollowSlots
  private var connection: Connection
  private(set) var record: FollowRecord

  /// Seconds to wait for readers at a time.
  ///
  /// New readers wait too.
  static let patience = 5.0

  /// Opens an existing copy, and checks that it holds what its record names; nil if it has no
  /// record.
  ///
  /// Throws `.exists` if something else changed it.
  init?(_ path: String, _ slots: FollowSlots, check: () throws -> Void) throws {
    let records = slots.read()
    guard !records.isEmpty, FileInfo.exists(path) else { return nil }
    self.path = path
    self.slots = slots
    connection = try Connection(path, .readWrite)
    try connection.distrustDatabase()
    connection.setBusyTimeout(milliseconds: Int32(Self.patience * 1000))
    // If a change was interrupted, this restores the old state.
    _ = try connection.value("SELECT count(*) FROM sqlite_schema")
    let page = try connection.readFile(at: 0, count: CopyHeader.size)
    guard CopyHeader.usesJournal(page),
      let record = records.first(where: { $0.counter == CopyHeader.counter(of: page) })
    else { throw Self.foreign(path) }
    self.record = record
    guard try connection.fileSize() == Int64(record.point.state.pages) * Int64(record.point.state.pageSize),
      try checksum(check) == record.point.state.checksum
    else { throw Self.foreign(path) }
  }

  private static func foreign(_ path: String) -> RestoreError {
    RestoreError(
      .exists,
      "\(path) was changed by another program: it is not the copy that was made: use --force to make a new copy"
    )
  }

  func close() { connection.close() }

  /// Returns the image of a page in the mirrored database.
  func image(_ page: UInt32) throws -> [UInt8] {
    let size = record.point.state.pageSize
    var bytes = try connection.readFile(at: Int64(page - 1) * Int64(size), count: size)
    if page == 1 { bytes.replaceSubrange(0..<CopyHeader.size, with: record.header) }
    return bytes
  }

  private func checksum(_ check: () throws -> Void) throws -> Hash128 {
    var sum = Hash128.zero
    let state = record.point.state
    for page in stride(from: 1, through: state.pages, by: 1) {
      if page & 0xfff == 0 { try check() }
      sum ^= PageHash.of(page, try image(page), at: 0, pageSize: state.pageSize)
    }
    return sum
  }

  /// Changes the copy to another state; returns false if readers did not leave in time.
  ///
  /// `changed` are the different pages, in order; all pages if the page size differs.
  func publish(_ point: ChainPoint, changed: [UInt32], image: (UInt32) throws -> [UInt8]) throws -> Bool {
    do throws(SQLiteError) {
      try connection.execute("BEGIN EXCLUSIVE")
    } catch {
      guard error.code == .busy else { throw error }
      return false
    }
    // The connection has written nothing: this only releases the lock.
    defer { try? connection.execute("ROLLBACK") }
    let old = record
    guard CopyHeader.counter(of: try connection.readFile(at: 0, count: CopyHeader.size)) == old.counter else {
      throw Self.foreign(path)
    }
    var first = try image(1)
    let header = Array(first[..<CopyHeader.size])
    let isSameSchema =
      point.generation == old.point.generation
      && CopyHeader.cookie(of: header) == CopyHeader.cookie(of: old.header)
    let next = FollowRecord(
      url: slots.url, point: point, header: header, counter: old.counter &+ 1,
      cookie: isSameSchema ? old.cookie : old.cookie &+ 1)
    CopyHeader.put(counter: next.counter, cookie: next.cookie, pages: point.state.pages, into: &first)
    try slots.write(next)
    try writeJournal(old.point.state, point.state, changed)
    let size = point.state.pageSize
    let lockPage = PageHash.lockPage(pageSize: size)
    try connection.writeFile(at: 0, first)
    for page in changed where page > 1 && page <= point.state.pages && page != lockPage {
      try connection.writeFile(at: Int64(page - 1) * Int64(size), try image(page))
    }
    try connection.finishFile(size: Int64(point.state.pages) * Int64(size))
    // From here on the new state counts.
    try Folder.remove(path + "-journal")
    try Folder.sync(Folder.parent(of: path))
    record = next
    return true
  }

  private func writeJournal(_ old: DatabaseState, _ new: DatabaseState, _ changed: [UInt32]) throws {
    let size = old.pageSize
    let lockPage = PageHash.lockPage(pageSize: size)
    var saved: [UInt32] = [1]
    if new.pageSize == size {
      saved += changed.filter { $0 > 1 && $0 <= min(old.pages, new.pages) }
      if new.pages < old.pages { saved += Array(new.pages + 1...old.pages) }
    } else if old.pages > 1 {
      saved += Array(2...old.pages)
    }
    saved.removeAll { $0 == lockPage }
    let connection = connection
    try RollbackJournal(pageSize: size, nonce: UInt32.random(in: 0 ... .max)).write(
      beside: path, saved, pages: old.pages
    ) { try connection.readFile(at: Int64($0 - 1) * Int64(size), count: size) }
  }
}

/// The record of a copy, and the lock of its one follower.
///
/// It has two slots in a file, which are written in turn. The copy's change counter shows which one
/// is valid, so no kill separates copy and record.
final class FollowSlots {
  let url: String
  private let file: File
  static let suffix = "-s3follow"
  private static let stride = 4096

  /// Throws `.busy` if another process keeps the copy current.
  init(for output: String, url: String) throws {
    self.url = url
    file = try File(side: output + Self.suffix, of: output)
    guard try file.tryLock() else {
      throw RestoreError(.busy, "follow \(output): another process keeps it current: stop that one first")
    }
  }

  /// Reads the slots that are undamaged and of this replica.
  func read() -> [FollowRecord] {
    (0..<2).compactMap { slot in
      guard let bytes = try? file.read(at: slot * Self.stride, count: Self.stride),
        let record = Self.parse(bytes),
        record.url == url
      else { return nil }
      return record
    }
  }

  private static func parse(_ bytes: [UInt8]) -> FollowRecord? {
    let end = bytes.firstIndex(of: 0) ?? bytes.count
    return try? FollowRecord(Array(bytes[..<end]), object: "record")
  }

  func write(_ record: FollowRecord) throws {
    var bytes = record.bytes
    guard bytes.count < Self.stride else {
      throw RestoreError(.database, "follow: the replica's URL is too long")
    }
    bytes += [UInt8](repeating: 0, count: Self.stride - bytes.count)
    try file.write(bytes, at: Int(record.counter % 2) * Self.stride)
    try file.sync()
  }

  /// Clears both slots: the copy is about to be made again.
  func clear() throws { try file.truncate(to: 0) }
}
