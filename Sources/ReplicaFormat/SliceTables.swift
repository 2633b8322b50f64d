internal import Bytes
internal import WALFormat

/// How the page of a frame is stored.
enum FrameKind: UInt8, Sendable {
  /// A whole page that is no leaf.
  case whole = 0
  /// A whole leaf of a table: similar pages are stored together.
  case leaf = 1
  /// The difference that `PageDifference` makes from the page's image before.
  case difference = 2

  var needsBase: Bool { self == .difference }

  /// The position of its bytes.
  var stream: SliceStream {
    switch self {
    case .leaf: .leaves
    case .whole: .pages
    case .difference: .literals
    }
  }

  /// The kind for a whole page.
  ///
  /// > A value of 13 (0x0d) means the page is a leaf table b-tree page
  /// > (https://www.sqlite.org/fileformat2.html#b_tree_pages).
  init(ofPage firstByte: UInt8) { self = firstByte == 13 ? .leaf : .whole }
}

/// The streams of a slice's content, in order.
enum SliceStream: Int, CaseIterable, Sendable {
  /// Whole leaves of tables, other whole pages, bytes of differences, and tables of frames and
  /// commits.
  case leaves, pages, literals, tables
}

/// Page numbers and kinds of a slice's frames, its commits, and the position of the differences'
/// operations.
struct SliceTables: Sendable {
  let pages: [UInt32]
  let kinds: [FrameKind]
  let commits: [SliceCommit]
  let bytes: [UInt8]
  /// The position of the operations in `bytes`.
  let operations: Range<Int>

  /// Returns the maximum bytes for this number of frames and commits: operations are not longer
  /// than their page.
  static func mostBytes(frames: Int, commits: Int, pageSize: Int) -> Int {
    frames * (16 + pageSize) + commits * 48
  }

  /// Writes everything before the operations.
  static func append(
    commits: [SliceCommit], created: Int64, previousPages: UInt32, to out: ByteBuffer
  ) {
    var frames = 0
    for commit in commits {
      out.append(varint: UInt64(commit.frames - frames))
      frames = commit.frames
    }
    var pages = previousPages
    for commit in commits {
      out.append(signedVarint: Int64(commit.state.pages) - Int64(pages))
      pages = commit.state.pages
    }
    var time = created
    for commit in commits {
      out.append(signedVarint: commit.time &- time)
      time = commit.time
    }
    var sums: [UInt8] = []
    sums.reserveCapacity(commits.count * 16)
    for commit in commits {
      sums.appendLittleEndian(commit.state.checksum.low)
      sums.appendLittleEndian(commit.state.checksum.high)
    }
    out.append(sums)
  }

  /// Appends number and kind of a frame's page, relative to the frame before.
  static func append(page: UInt32, after last: UInt32, _ kind: FrameKind, to out: ByteBuffer) {
    let step = Int64(page) - Int64(last)
    out.append(varint: UInt64(bitPattern: (step << 1) ^ (step >> 63)) << 2 | UInt64(kind.rawValue))
  }

  /// Reads number and kind.
  init(_ bytes: [UInt8], _ header: SliceHeader, object: String) throws(FormatError) {
    let damage = FormatError(object, "its tables are damaged")
    guard header.frameCount <= bytes.count, header.commitCount <= bytes.count else { throw damage }
    var fields = FieldCursor(bytes, 0..<bytes.count)
    var pages: [UInt32] = []
    var kinds: [FrameKind] = []
    pages.reserveCapacity(header.frameCount)
    kinds.reserveCapacity(header.frameCount)
    var last: Int64 = 0
    for _ in 0..<header.frameCount {
      guard let field = fields.varint(), let kind = FrameKind(rawValue: UInt8(field & 3)) else {
        throw damage
      }
      let step = field >> 2
      let page = last &+ (Int64(bitPattern: step >> 1) ^ -Int64(bitPattern: step & 1))
      guard let number = UInt32(exactly: page) else { throw damage }
      last = page
      pages.append(number)
      kinds.append(kind)
    }
    self.pages = pages
    self.kinds = kinds
    commits = try Self.commits(&fields, header, object: object)
    self.bytes = bytes
    operations = fields.at..<bytes.count
  }

  private static func commits(
    _ fields: inout FieldCursor, _ header: SliceHeader, object: String
  ) throws(FormatError) -> [SliceCommit] {
    let damage = FormatError(object, "its tables are damaged")
    let state = DatabaseState(pageSize: header.walHeader.pageSize, pages: 0, checksum: .zero)
    var commits = [SliceCommit](
      repeating: SliceCommit(frames: 0, time: 0, state: state), count: header.commitCount)
    var frames = 0
    for index in commits.indices {
      guard let more = fields.varint(UInt32.self) else { throw damage }
      guard more > 0, frames + Int(more) <= header.frameCount else {
        throw FormatError(object, "its commits are out of order")
      }
      frames += Int(more)
      commits[index].frames = frames
    }
    var size = Int64(header.previous.pages)
    for index in commits.indices {
      guard let step = fields.signedVarint() else { throw damage }
      size = size &+ step
      guard let pages = UInt32(exactly: size) else { throw damage }
      commits[index].state.pages = pages
    }
    var time = header.created
    for index in commits.indices {
      guard let step = fields.signedVarint() else { throw damage }
      time = time &+ step
      guard Bounds.times.contains(time) else { throw damage }
      commits[index].time = time
    }
    for index in commits.indices {
      guard let low = fields.fixed(UInt64.self), let high = fields.fixed(UInt64.self) else { throw damage }
      commits[index].state.checksum = Hash128(high: high, low: low)
    }
    return commits
  }
}
