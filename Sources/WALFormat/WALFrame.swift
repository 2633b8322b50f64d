internal import Bytes

/// The header of a frame (https://www.sqlite.org/fileformat2.html#wal_frame_header).
package struct WALFrame: Hashable, Sendable {
  package static let headerSize = 24

  /// Number of the page the frame holds, from 1.
  package let page: UInt32
  /// Size of the database in pages after the commit that this frame ends; 0 in other frames.
  package let databaseSize: UInt32

  package var isCommit: Bool { databaseSize != 0 }

  package init(page: UInt32, databaseSize: UInt32) {
    self.page = page
    self.databaseSize = databaseSize
  }

  /// Reads and checks the frame at `index`, and continues `checksum` over it.
  ///
  /// Returns nil, and leaves `checksum` unchanged, if salt or sums do not match: the log ends
  /// there.
  package init?(
    at index: Int, in bytes: [UInt8], of header: WALHeader, continuing checksum: inout WALChecksum
  ) {
    let end = index + header.frameSize
    guard index >= 0, end <= bytes.count else { return nil }
    let page: UInt32 = bytes.bigEndian(at: index)
    guard page != 0, bytes.bigEndian(at: index + 8) == header.salt.first,
      bytes.bigEndian(at: index + 12) == header.salt.second
    else { return nil }
    var sums = checksum
    sums.update(bytes, index..<index + 8, bigEndian: header.bigEndian)
    sums.update(bytes, index + Self.headerSize..<end, bigEndian: header.bigEndian)
    guard sums == WALChecksum(at: index + 16, in: bytes) else { return nil }
    self.page = page
    databaseSize = bytes.bigEndian(at: index + 4)
    checksum = sums
  }

  /// Writes the frame's header in front of the page at `index + 24`, and continues `checksum`.
  package func write(
    at index: Int, in bytes: inout [UInt8], of header: WALHeader, continuing checksum: inout WALChecksum
  ) {
    bytes.storeBigEndian(page, at: index)
    bytes.storeBigEndian(databaseSize, at: index + 4)
    bytes.storeBigEndian(header.salt.first, at: index + 8)
    bytes.storeBigEndian(header.salt.second, at: index + 12)
    checksum.update(bytes, index..<index + 8, bigEndian: header.bigEndian)
    checksum.update(bytes, index + Self.headerSize..<index + header.frameSize, bigEndian: header.bigEndian)
    bytes.storeBigEndian(checksum.first, at: index + 16)
    bytes.storeBigEndian(checksum.second, at: index + 20)
  }
}
