package import Bytes
internal import Glibc

extension StreamReader {
  /// Appends the rest of a line after its first zero byte, which comes next.
  ///
  /// sqlite3 reads a line in pieces of a buffer that grows. A zero byte ends the text of its piece.
  /// A piece without a line break at the end of its text is followed by the next piece, which may
  /// begin in the same line or in the next one. The line began at `first` of the buffer.
  func appendAfterZero(to buffer: ByteBuffer, from first: Int) -> Bool {
    var capacity = 100
    while capacity - 1 <= buffer.count - first { capacity = Self.grown(capacity) }
    var hadBytes = take(capacity - 1 - (buffer.count - first), isHidden: true, to: buffer)
    while hadBytes {
      let length = buffer.count - first
      if length + 100 > capacity { capacity = Self.grown(capacity) }
      let before = buffer.count
      hadBytes = take(capacity - length - 1, isHidden: false, to: buffer)
      guard buffer.count > before, buffer[buffer.count - 1] == 10 else { continue }
      buffer.truncate(to: buffer.count - 1)
      if buffer.count > first && buffer[buffer.count - 1] == 13 { buffer.truncate(to: buffer.count - 1) }
      return true
    }
    return buffer.count > first
  }

  /// Appends at most this many bytes of the next line, including its line break; false at the end
  /// of the input.
  ///
  /// A zero byte hides the rest of the line, as in programs that read with `fgets`.
  package func appendPiece(atMost most: Int, to buffer: ByteBuffer) -> Bool {
    take(most, isHidden: false, to: buffer)
  }

  /// Returns the final size of a line's buffer.
  private static func grown(_ capacity: Int) -> Int { capacity * 2 + 100 }

  /// Takes at most `most` bytes, up to and including a line break; false at the end of the input.
  ///
  /// Those before the first zero byte are appended; none if they are hidden already.
  private func take(_ most: Int, isHidden: Bool, to buffer: ByteBuffer) -> Bool {
    var (left, isHidden, hadBytes) = (most, isHidden, false)
    while left > 0, start < end || fill() {
      hadBytes = true
      let from = UnsafeRawPointer(block + start)
      let found = memchr(from, 10, min(left, end - start)).map { UnsafeRawPointer($0) - from + 1 }
      let length = found ?? min(left, end - start)
      if !isHidden {
        let zero = memchr(from, 0, length).map { UnsafeRawPointer($0) - from }
        buffer.append(from, zero ?? length)
        isHidden = zero != nil
      }
      start += length
      left -= length
      if found != nil { break }
    }
    return hadBytes
  }
}
