internal import Glibc

/// A growing run of bytes, for output.
///
/// Appending only copies: no `String`, and no allocation once the buffer has its working size. Not
/// thread-safe.
///
/// This target has values without I/O: buffers, hashes, hexadecimal and varints, and the loops over
/// pages. `ByteBuffer` is public because the compiler inlines only public `@inlinable` functions
/// into other targets (Swift 6.3).
///
///     let buffer = ByteBuffer()
///     buffer.append("row ")
///     buffer.append(decimal: 7)
public final class ByteBuffer {
  // No accesses to these overlap: they are never lent out, and a buffer has one thread. A check at
  // run time would cost more than appending a few bytes.
  @exclusivity(unchecked) @usableFromInline var used = 0
  @exclusivity(unchecked) @usableFromInline var capacity: Int
  @exclusivity(unchecked) @usableFromInline var base: UnsafeMutablePointer<UInt8>

  package init(capacity: Int = 4096) {
    let capacity = max(capacity, 64)
    self.capacity = capacity
    base = Self.resized(nil, to: capacity)
  }

  /// Number of bytes.
  @inlinable @inline(__always) public var count: Int { used }

  deinit { free(base) }

  @inlinable public var isEmpty: Bool { used == 0 }

  /// The byte at an index below `count`.
  public subscript(index: Int) -> UInt8 {
    @inlinable @inline(__always) get {
      precondition(index >= 0 && index < count)
      return base[index]
    }
    @inlinable set {
      precondition(index >= 0 && index < count)
      base[index] = newValue
    }
  }

  @inlinable public func removeAll() { used = 0 }

  /// Keeps the first `newCount` bytes.
  package func truncate(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    used = newCount
  }

  /// Drops the first `n` bytes.
  package func removeFirst(_ n: Int) {
    precondition(n >= 0 && n <= count)
    memmove(base, base + n, count - n)
    used -= n
  }

  /// Makes room for this number of further bytes.
  @inlinable @inline(__always) public func reserve(_ more: Int) {
    if used + more > capacity { grow(more) }
  }

  @usableFromInline @inline(never)
  func grow(_ more: Int) {
    capacity = max(capacity * 2, count + more)
    base = Self.resized(base, to: capacity)
  }

  /// Enlarges a block; the C library moves the pages of a large one without a copy (mremap(2)).
  private static func resized(
    _ block: UnsafeMutablePointer<UInt8>?, to count: Int
  ) -> UnsafeMutablePointer<UInt8> {
    guard let bigger = realloc(block, count) else { fatalError("out of memory") }
    return bigger.assumingMemoryBound(to: UInt8.self)
  }

  @inlinable @inline(__always) public func append(_ byte: UInt8) {
    if used == capacity { grow(1) }
    base[used] = byte
    used += 1
  }

  @inlinable @inline(__always) public func append(_ text: StaticString) {
    append(UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
  }

  package func append(_ text: String) {
    if text.holdsStandIns { return append(text.preservedBytes) }
    var text = text
    text.withUTF8 { bytes in
      if let start = bytes.baseAddress { append(UnsafeRawPointer(start), bytes.count) }
    }
  }

  @inlinable @inline(__always) public func append(_ bytes: [UInt8]) {
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

  @inlinable @inline(__always) public func append(_ bytes: UnsafeRawPointer, _ n: Int) {
    guard n > 0 else { return }
    reserve(n)
    UnsafeMutableRawPointer(base + used).copyMemory(from: bytes, byteCount: n)
    used += n
  }

  @inlinable public func append(repeating byte: UInt8, count n: Int) {
    guard n > 0 else { return }
    reserve(n)
    (base + used).update(repeating: byte, count: n)
    used += n
  }

  /// Appends a number in decimal.
  package func append(decimal value: Int64) {
    if value >= 0 && value < 10 { return append(UInt8(truncatingIfNeeded: 0x30 + value)) }
    reserve(20)
    if value >= 0 && value < 100 {
      let tens = value / 10
      base[used] = UInt8(truncatingIfNeeded: 0x30 + tens)
      base[used + 1] = UInt8(truncatingIfNeeded: 0x30 + value - tens * 10)
      used += 2
      return
    }
    var rest = value.magnitude
    if value < 0 { append(UInt8(ascii: "-")) }
    var digits = 1
    var bound: UInt64 = 10
    while rest >= bound {
      digits += 1
      bound &*= 10
    }
    let start = base + used
    var at = digits
    while at > 0 {
      at -= 1
      start[at] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
    }
    used += digits
  }

  /// Returns a copy of the bytes.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// Returns the bytes as text, with invalid UTF-8 repaired.
  package var string: String {
    String(decoding: UnsafeBufferPointer(start: base, count: count), as: UTF8.self)
  }

  /// Lends the bytes to `body`; they are valid only inside it.
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }
}
