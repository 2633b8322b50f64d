internal import Bytes
internal import Compression
internal import Synchronization

/// The text of statements; all parts except the last may be compressed.
///
/// Closed parts are shared, not copied. Each becomes a zstd frame of its own.
package struct StatementText: Sendable {
  private(set) var parts: [Part] = []
  /// The text after the last part.
  private(set) var open: [UInt8] = []
  private var partBytes = 0

  package init() {}

  /// Bytes of text.
  package var count: Int { partBytes + open.count }
  var last: UInt8? { open.last ?? parts.last?.bytes.last }

  mutating func append(_ bytes: ByteBuffer) { open.append(bytes) }

  /// Appends text as a part; another thread calls `Part.compress`.
  mutating func appendPart(_ bytes: ByteBuffer) -> Part {
    precondition(open.isEmpty, "parts come before what is open")
    let part = Part(bytes.bytes)
    parts.append(part)
    partBytes += bytes.count
    return part
  }

  /// Removes and returns the text after the last part.
  mutating func takeOpen() -> [UInt8] {
    defer { open = [] }
    return open
  }

  /// Keeps the first `count` bytes.
  mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    while partBytes > count, let part = parts.popLast() {
      partBytes -= part.count
      open = part.bytes
    }
    open.removeLast(self.count - count)
  }

  /// A closed part of the text, plain until `compress` is called.
  package final class Part: Sendable {
    /// Bytes of text.
    let count: Int
    private enum Form {
      case plain([UInt8])
      case compressed([UInt8])
    }
    private let form: Mutex<Form>

    init(_ bytes: [UInt8]) {
      count = bytes.count
      form = Mutex(.plain(bytes))
    }

    /// Replaces the text with a compressed frame.
    package func compress() {
      guard case .plain(let bytes) = form.withLock({ $0 }) else { return }
      let frame = Zstandard.compress(bytes, level: Zstandard.textLevel)
      form.withLock { $0 = .compressed(frame) }
    }

    /// The frame.
    var compressed: [UInt8] {
      compress()
      guard case .compressed(let frame) = form.withLock({ $0 }) else { return [] }
      return frame
    }

    /// The text.
    var bytes: [UInt8] {
      switch form.withLock({ $0 }) {
      case .plain(let bytes): return bytes
      case .compressed(let frame):
        let text = try? Zstandard.decompress(frame, 0..<frame.count, limit: count)
        precondition(text?.count == count, "a frame made here holds what was put in")
        return text ?? []
      }
    }
  }
}
