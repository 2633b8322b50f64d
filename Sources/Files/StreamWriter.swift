package import Bytes
internal import Glibc

/// Writes bytes to a file, pipe or terminal, unbuffered.
package final class StreamWriter {
  private let descriptor: Int32
  private let closesDescriptor: Bool
  /// Whether the other end of a pipe is closed.
  package private(set) var isCutOff = false
  /// Counts what is written.
  package var counter: ByteCounter?

  /// Writes to a descriptor that it does not own.
  package init(descriptor: Int32) {
    self.descriptor = descriptor
    closesDescriptor = false
  }

  /// Opens a file for writing, empty or at its end; nil if that fails.
  package init?(path: String, appending: Bool = false) {
    let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (appending ? O_APPEND : O_TRUNC)
    descriptor = path.withPreservedCString { open($0, flags, 0o666) }
    guard descriptor >= 0 else { return nil }
    closesDescriptor = true
  }

  /// Writes to the program's standard output.
  package static let standardOutput = 1 as Int32
  /// The stream for errors.
  package static let standardError = 2 as Int32

  deinit {
    if closesDescriptor { close(descriptor) }
  }

  /// Writes all bytes of a buffer; false if the other side is gone or the device is full.
  @discardableResult
  package func write(_ buffer: ByteBuffer) -> Bool {
    buffer.withUnsafeBytes { write($0) }
  }

  /// Writes all bytes of a text.
  @discardableResult
  package func write(_ text: String) -> Bool {
    if text.holdsStandIns { return write(text.preservedBytes) }
    var text = text
    return text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
  }

  /// Writes all bytes.
  @discardableResult
  package func write(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { write($0) } }

  private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < bytes.count {
      guard let base = bytes.baseAddress else { return true }
      let count = Glibc.write(descriptor, base + at, bytes.count - at)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        if count < 0 && errno == EPIPE { isCutOff = true }
        return false
      }
      at += count
    }
    counter?.add(bytes.count)
    return true
  }
}
