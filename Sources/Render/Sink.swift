package import Bytes

/// Gathers output and hands it on in large pieces.
///
/// Renderers append to `buffer` and call `rowEnded()` now and then; nothing is written between those calls.
package final class Sink {
  /// What has not been handed on yet.
  package let buffer: ByteBuffer
  /// Whether writing failed once; from then on output is dropped.
  package private(set) var hasFailed = false
  private let limit: Int
  private let write: (ByteBuffer) -> Bool

  /// Makes a sink that gives its bytes to `write`, which returns false if it could not write them.
  package init(limit: Int = 64 << 10, write: @escaping (ByteBuffer) -> Bool) {
    self.limit = limit
    self.write = write
    buffer = ByteBuffer(capacity: limit + limit / 4)
  }

  /// Hands everything on; false if writing fails now or failed before.
  @discardableResult
  package func flush() -> Bool {
    if !buffer.isEmpty && !hasFailed { hasFailed = !write(buffer) }
    buffer.removeAll()
    return !hasFailed
  }

  /// Hands everything on if enough has come together.
  package func rowEnded() {
    if buffer.count >= limit { flush() }
  }

  /// Forgets an earlier failure, as after the output was directed elsewhere.
  package func reset() {
    buffer.removeAll()
    hasFailed = false
  }
}
