import Bytes
import Compression
import Digest
import ReplicaFormat

/// A database file with the commits that its log holds, and the record beside it.
final class SimulatedFile: @unchecked Sendable {
  static let pageSize = 512
  let name: String
  let identity: PositionRecord.FileIdentity
  /// The content of the file when its log began, and after each commit.
  private(set) var moments: [Moment]
  var record: PositionRecord?
  /// States that a power loss leaves.
  private(set) var synced = 1
  /// The first state that the file or its log still shows.
  private(set) var shown = 0
  /// Sessions that use it now.
  var users = 0

  /// The database after a commit: the value of each page.
  struct Moment {
    let pages: [UInt32]
    /// Pages that the commit wrote, from 1.
    let written: [UInt32]
    let state: DatabaseState
    let time: Int64

    init(_ pages: [UInt32], written: [UInt32], time: Int64) {
      self.pages = pages
      self.written = written
      self.time = time
      var checksum = Hash128.zero
      for (index, value) in pages.enumerated() {
        checksum ^= PageHash.of(
          UInt32(index) + 1, SimulatedFile.bytes(value), at: 0, pageSize: SimulatedFile.pageSize)
      }
      state = DatabaseState(pageSize: SimulatedFile.pageSize, pages: UInt32(pages.count), checksum: checksum)
    }
  }

  init(_ name: String, inode: UInt64, _ moment: Moment) {
    self.name = name
    identity = PositionRecord.FileIdentity(device: 1, inode: inode, bornNs: 1)
    moments = [moment]
  }

  var last: Moment { moments[moments.count - 1] }

  /// Returns the page that holds a value.
  static func bytes(_ value: UInt32) -> [UInt8] {
    var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: value &* 37), count: pageSize)
    bytes.storeBigEndian(value, at: 8)
    return bytes
  }

  /// Returns the value that a page holds.
  static func value(_ bytes: [UInt8], at index: Int) -> UInt32 { bytes.bigEndian(at: index + 8) }

  /// Returns the database as a file, for a base.
  static func content(_ moment: Moment) -> [UInt8] { moment.pages.flatMap { bytes($0) } }

  /// Makes a commit of one page or two.
  func commit(_ world: World, pages count: Int) {
    var pages = last.pages
    var written: [UInt32] = []
    for _ in 0..<count {
      let index = world.choices.pick(pages.count)
      guard !written.contains(UInt32(index) + 1) else { continue }
      pages[index] = world.drawValue()
      written.append(UInt32(index) + 1)
    }
    let moment = Moment(pages, written: written, time: max(world.microseconds, last.time + 1))
    world.lineage.add(moment.state.checksum, after: last.state.checksum)
    moments.append(moment)
  }

  /// Copies the log into the file and restarts it: earlier states no longer exist.
  func restartLog(at index: Int) {
    shown = max(shown, index)
    sync()
  }

  /// Returns the position at which the file or its log shows a state; nil if there is none.
  func find(_ state: DatabaseState) -> Int? {
    moments.lastIndex { $0.state == state }.flatMap { $0 >= shown ? $0 : nil }
  }

  func sync() { synced = moments.count }

  // MARK: What happens while no session uses it

  /// Lets another program write to it, and copy the log into the file.
  func changeOutside(_ world: World) {
    commit(world, pages: 1)
    moments = [last]
    shown = 0
    sync()
  }

  /// Simulates a power loss: all unsynced data are lost.
  func losePower() { moments.removeSubrange(min(synced, moments.count)...) }

  /// Makes a copy of some state, under another name or in the place of another file.
  func copy(_ name: String, inode: UInt64, at index: Int, record: PositionRecord?) -> SimulatedFile {
    let copy = SimulatedFile(name, inode: inode, moments[0])
    copy.moments = Array(moments[...index])
    copy.synced = copy.moments.count
    copy.shown = min(shown, index)
    copy.record = record
    return copy
  }
}
