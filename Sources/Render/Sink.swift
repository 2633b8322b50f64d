package import Bytes

/// Collects output and passes it on in large pieces.
///
/// Renderers append to `buffer` and call `rowEnded()` from time to time; nothing is written between
/// those calls.
package final class Sink {
  /// The bytes that were not passed on yet.
  package let buffer: ByteBuffer
  /// Whether writing failed once; from then on output is dropped.
  package private(set) var hasFailed = false
  private let limit: Int
  private let write: (ByteBuffer) -> Bool

  /// Makes a sink that passes its bytes to `write`, which returns false if it could not write them.
  package init(limit: Int = 64 << 10, write: @escaping (ByteBuffer) -> Bool) {
    self.limit = limit
    self.write = write
    buffer = ByteBuffer(capacity: limit + limit / 4)
  }

  /// Passes everything on; returns false if writing fails now or failed before.
  @discardableResult
  package func flush() -> Bool {
    if !buffer.isEmpty && !hasFailed { hasFailed = !write(buffer) }
    buffer.removeAll()
    return !hasFailed
  }

  /// Passes everything on if there is enough.
  package func rowEnded() {
    if buffer.count >= limit { flush() }
  }

  /// Forgets an earlier failure, for instance after the output was redirected.
  package func reset() {
    buffer.removeAll()
    hasFailed = false
  }
}
