/// A position in a log: a number of frames of one epoch, and the sums over them.
package struct WALPosition: Hashable, Sendable {
  package let salt: WALSalt
  /// Number of frames before this position.
  package let frame: Int
  package let checksum: WALChecksum

  package init(salt: WALSalt, frame: Int, checksum: WALChecksum) {
    self.salt = salt
    self.frame = frame
    self.checksum = checksum
  }

  /// The position before the first frame.
  package init(startOf header: WALHeader) {
    self.init(salt: header.salt, frame: 0, checksum: header.checksum)
  }
}
