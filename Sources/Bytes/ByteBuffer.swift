internal import Glibc

/// Growing run of bytes that output is built in.
///
/// Appending copies and nothing else: no `String`, no allocation once the buffer has reached its working size.
/// Not thread-safe.
package final class ByteBuffer {
  package private(set) var count = 0
  private var capacity: Int
  private var base: UnsafeMutablePointer<UInt8>

  package init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  package var isEmpty: Bool { count == 0 }

  /// The byte at an index below `count`.
  package subscript(index: Int) -> UInt8 {
    get {
      precondition(index >= 0 && index < count)
      return base[index]
    }
    set {
      precondition(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  package func removeAll() { count = 0 }

  /// Keeps the first `newCount` bytes.
  package func truncate(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    count = newCount
  }

  /// Drops the first `n` bytes.
  package func removeFirst(_ n: Int) {
    precondition(n >= 0 && n <= count)
    memmove(base, base + n, count - n)
    count -= n
  }

  package func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    capacity = max(capacity * 2, count + more)
    let bigger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    memcpy(bigger, base, count)
    base.deallocate()
    base = bigger
  }

  package func append(_ byte: UInt8) {
    if count == capacity { reserve(1) }
    base[count] = byte
    count += 1
  }

  package func append(_ text: StaticString) {
    append(UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
  }

  package func append(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      if let start = bytes.baseAddress { append(UnsafeRawPointer(start), bytes.count) }
    }
  }

  package func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { append(start, bytes.count) }
    }
  }

  package func append(_ bytes: ArraySlice<UInt8>) {
    bytes.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { append(start, bytes.count) }
    }
  }

  /// Appends all of another buffer.
  package func append(_ other: ByteBuffer) { append(UnsafeRawPointer(other.base), other.count) }

  /// Appends bytes `range` of another buffer.
  package func append(_ other: ByteBuffer, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= other.count)
    append(UnsafeRawPointer(other.base + range.lowerBound), range.count)
  }

  package func append(_ bytes: UnsafeRawPointer, _ n: Int) {
    guard n > 0 else { return }
    reserve(n)
    memcpy(base + count, bytes, n)
    count += n
  }

  package func append(repeating byte: UInt8, count n: Int) {
    guard n > 0 else { return }
    reserve(n)
    memset(base + count, Int32(byte), n)
    count += n
  }

  /// Appends a number in decimal.
  package func append(decimal value: Int64) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var rest = value.magnitude
      var at = 20
      repeat {
        at -= 1
        digits[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        at -= 1
        digits[at] = UInt8(ascii: "-")
      }
      if let start = digits.baseAddress { append(UnsafeRawPointer(start + at), 20 - at) }
    }
  }

  /// A copy of the bytes.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// The bytes as text, with invalid UTF-8 repaired.
  package var string: String { String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self) }

  /// Lends the bytes to `body`; they are valid only inside it.
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }
}
