internal import CKernels
internal import Glibc

/// Loops over many bytes, in one place because speed needs pointers.
///
/// Ranges outside of an array trap.
package enum Kernels {
  /// Combines `count` bytes of `source` into `target` by exclusive or.
  package static func xor(
    into target: inout [UInt8], at targetOffset: Int, from source: [UInt8], at sourceOffset: Int, count: Int
  ) {
    precondition(targetOffset >= 0 && targetOffset + count <= target.count)
    precondition(sourceOffset >= 0 && sourceOffset + count <= source.count)
    target.withUnsafeMutableBytes { target in
      source.withUnsafeBytes { source in
        var at = 0
        while at + 8 <= count {
          let a = target.loadUnaligned(fromByteOffset: targetOffset + at, as: UInt64.self)
          let b = source.loadUnaligned(fromByteOffset: sourceOffset + at, as: UInt64.self)
          target.storeBytes(of: a ^ b, toByteOffset: targetOffset + at, as: UInt64.self)
          at += 8
        }
        while at < count {
          target[targetOffset + at] ^= source[sourceOffset + at]
          at += 1
        }
      }
    }
  }

  /// Copies `count` bytes between two arrays.
  package static func copy(
    into target: inout [UInt8], at targetOffset: Int, from source: [UInt8], at sourceOffset: Int, count: Int
  ) {
    precondition(targetOffset >= 0 && targetOffset + count <= target.count)
    precondition(sourceOffset >= 0 && sourceOffset + count <= source.count)
    guard count > 0 else { return }
    target.withUnsafeMutableBytes { target in
      source.withUnsafeBytes { source in
        guard let to = target.baseAddress, let from = source.baseAddress else { return }
        memcpy(to + targetOffset, from + sourceOffset, count)
      }
    }
  }

  /// Returns whether every byte of a range is zero.
  package static func isZero(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    return bytes.withUnsafeBytes { bytes in
      var at = range.lowerBound
      while at + 8 <= range.upperBound {
        if bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) != 0 { return false }
        at += 8
      }
      while at < range.upperBound {
        if bytes[at] != 0 { return false }
        at += 1
      }
      return true
    }
  }

  /// Continues the two sums of SQLite's WAL checksum over a range whose length is a multiple of 8.
  ///
  /// They are pairs of 32-bit words, big-endian or little-endian by the log's magic number
  /// (https://www.sqlite.org/fileformat2.html#checksum_algorithm).
  package static func walSums(
    _ bytes: [UInt8], _ range: Range<Int>, bigEndian: Bool, from start: (UInt32, UInt32)
  ) -> (UInt32, UInt32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count && range.count % 8 == 0)
    var (first, second) = start
    bytes.withUnsafeBytes { bytes in
      let start = bytes.baseAddress.map { $0 + range.lowerBound }
      guard bigEndian else { return ckernels_wal_sums(start, range.count, &first, &second) }
      var at = range.lowerBound
      while at < range.upperBound {
        let a = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        let b = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
        first = first &+ a &+ second
        second = second &+ b &+ first
        at += 8
      }
    }
    return (first, second)
  }

  /// Returns whether `word` occurs in `count` bytes; an empty word occurs everywhere.
  package static func contains(_ text: UnsafePointer<UInt8>, _ count: Int, _ word: [UInt8]) -> Bool {
    guard let first = word.first else { return true }
    var start = text
    let end = text + count
    while end - start >= word.count, let found = memchr(start, Int32(first), end - start - word.count + 1) {
      if memcmp(found, word, word.count) == 0 { return true }
      start += UnsafeRawPointer(found) - UnsafeRawPointer(start) + 1
    }
    return false
  }
}

extension Kernels {
  /// Returns the first position of a text within a range of an array.
  package static func find(_ text: StaticString, in bytes: [UInt8], _ range: Range<Int>) -> Int? {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    let count = text.utf8CodeUnitCount
    guard count <= range.count else { return nil }
    return bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      for at in range.lowerBound...range.upperBound - count
      where memcmp(base + at, text.utf8Start, count) == 0 {
        return at
      }
      return nil
    }
  }

  /// Returns whether bytes `range` of an array are those of another.
  package static func isEqual(_ wanted: [UInt8], _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    guard wanted.count == range.count else { return false }
    return wanted.withUnsafeBytes { wanted in
      bytes.withUnsafeBytes { bytes in
        guard let wanted = wanted.baseAddress, let base = bytes.baseAddress else { return true }
        return memcmp(wanted, base + range.lowerBound, range.count) == 0
      }
    }
  }

  /// Returns whether the bytes from `at` on are a word in capitals, in either case.
  package static func matches(_ word: StaticString, in bytes: [UInt8], at: Int) -> Bool {
    let count = word.utf8CodeUnitCount
    guard at >= 0, at + count <= bytes.count else { return false }
    return bytes.withUnsafeBytes { bytes in
      for index in 0..<count {
        let byte = bytes[at + index]
        let isSmall = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
        if (isSmall ? byte & 0xdf : byte) != word.utf8Start[index] { return false }
      }
      return true
    }
  }
}
