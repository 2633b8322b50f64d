package import Bytes
internal import Glibc

/// Reads lines of a file, pipe or terminal in large blocks.
///
/// Not thread-safe.
package final class StreamReader {
  private let descriptor: Int32
  private let closesDescriptor: Bool
  // `FieldReader` also takes bytes from the block. One thread uses it, and nothing is lent out
  // while it changes.
  let block: UnsafeMutablePointer<UInt8>
  private let blockSize: Int
  @exclusivity(unchecked) var start = 0
  @exclusivity(unchecked) var end = 0
  private var isAtEnd = false
  /// Counts the bytes that are read.
  package var counter: ByteCounter?

  /// Reads from a descriptor that it does not own.
  package init(descriptor: Int32, blockSize: Int = 1 << 16) {
    self.descriptor = descriptor
    self.blockSize = blockSize
    closesDescriptor = false
    block = .allocate(capacity: blockSize)
  }

  /// Opens a file; nil if that fails or if it is a directory, unless a directory counts as an empty
  /// file.
  package init?(path: String, blockSize: Int = 1 << 16, takesDirectories: Bool = false) {
    let descriptor = path.withPreservedCString { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard takesDirectories || (fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR) else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    self.blockSize = blockSize
    closesDescriptor = true
    block = .allocate(capacity: blockSize)
  }

  deinit {
    if closesDescriptor { close(descriptor) }
    block.deallocate()
  }

  /// Appends the next line without its line break (LF or CR LF); false at the end of the input.
  ///
  /// A zero byte hides the rest of the line, as in programs that read C strings
  /// (`appendAfterZero`).
  package func appendLine(to buffer: ByteBuffer) -> Bool {
    let before = buffer.count
    while true {
      if start == end && !fill() { return buffer.count > before }
      let found = memchr(block + start, 10, end - start)
      let length = found.map { $0 - UnsafeMutableRawPointer(block + start) } ?? end - start
      if let zero = memchr(block + start, 0, length) {
        let count = zero - UnsafeMutableRawPointer(block + start)
        buffer.append(UnsafeRawPointer(block + start), count)
        start += count
        return appendAfterZero(to: buffer, from: before)
      }
      buffer.append(UnsafeRawPointer(block + start), length)
      start += length
      guard found != nil else { continue }
      start += 1
      if buffer.count > before && buffer[buffer.count - 1] == 13 { buffer.truncate(to: buffer.count - 1) }
      return true
    }
  }

  /// Returns the next byte; nil at the end of the input.
  package func nextByte() -> UInt8? {
    if start == end && !fill() { return nil }
    start += 1
    return block[start - 1]
  }

  /// Appends the rest of the input.
  package func appendRest(to buffer: ByteBuffer) {
    while start < end || fill() {
      buffer.append(UnsafeRawPointer(block + start), end - start)
      start = end
    }
  }

  /// Returns all remaining lines, as text.
  package func lines() -> [String] {
    let buffer = ByteBuffer()
    var lines: [String] = []
    while appendLine(to: buffer) {
      lines.append(buffer.string)
      buffer.removeAll()
    }
    return lines
  }

  /// Reads the next block when the current one is used up; false at the end of the input.
  func fill() -> Bool {
    guard !isAtEnd else { return false }
    while true {
      guard Termination.waitForInput(descriptor) else {
        isAtEnd = true
        return false
      }
      let count = read(descriptor, block, blockSize)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        isAtEnd = true
        return false
      }
      start = 0
      end = count
      counter?.add(count)
      return true
    }
  }
}
