internal import CKernels

/// The difference between a page and an earlier image of it: replaced bytes, and moved bytes.
///
/// Operations follow one another through the page. Each is a number of unchanged bytes, and then a
/// number whose half is a count. If it is even, this many bytes are replaced by literals. If it is
/// odd, a signed number follows, and this many bytes are those of the image before at that
/// distance. Pages of SQLite begin with an array of numbers, in which an insertion moves all that
/// follow by two bytes.
package enum PageDifference {
  /// The number of equal bytes between two replaced ones that cost less as literals than as an
  /// operation.
  private static let least = 4

  /// Appends operations and literals that make `page` from `base`; returns the number of
  /// operations.
  ///
  /// Returns nil, with both buffers unchanged, if they would be longer than `limit` bytes. Without
  /// `moves`, every difference is replaced.
  package static func append(
    _ page: [UInt8], at pageIndex: Int, from base: [UInt8], at baseIndex: Int, count: Int, limit: Int,
    moves: Bool = true, operations: ByteBuffer, literals: ByteBuffer
  ) -> Int? {
    precondition(pageIndex >= 0 && pageIndex + count <= page.count)
    precondition(baseIndex >= 0 && baseIndex + count <= base.count)
    let (operationsBefore, literalsBefore) = (operations.count, literals.count)
    let number: Int? = page.withUnsafeBytes { page in
      base.withUnsafeBytes { base in
        guard let new = page.baseAddress, let old = base.baseAddress else { return 0 }
        var scan = Scan(
          new: new + pageIndex, old: old + baseIndex, count: count, moves: moves, operations: operations,
          literals: literals)
        let most = operationsBefore + literalsBefore + limit
        while scan.step() {
          if operations.count + literals.count > most { return nil }
        }
        return operations.count + literals.count > most ? nil : scan.number
      }
    }
    if number == nil {
      operations.truncate(to: operationsBefore)
      literals.truncate(to: literalsBefore)
    }
    return number
  }

  /// A pass over two images of a page.
  private struct Scan {
    let new: UnsafeRawPointer
    let old: UnsafeRawPointer
    let count: Int
    let moves: Bool
    let operations: ByteBuffer
    let literals: ByteBuffer
    /// The operations so far, and the end of the last one.
    var number = 0
    private var done = 0

    init(
      new: UnsafeRawPointer, old: UnsafeRawPointer, count: Int, moves: Bool, operations: ByteBuffer,
      literals: ByteBuffer
    ) {
      self.new = new
      self.old = old
      self.count = count
      self.moves = moves
      self.operations = operations
      self.literals = literals
    }

    @inline(__always) private func word(_ bytes: UnsafeRawPointer, _ at: Int) -> UInt64 {
      bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
    }
    @inline(__always) private func isEqual(_ at: Int) -> Bool {
      new.load(fromByteOffset: at, as: UInt8.self) == old.load(fromByteOffset: at, as: UInt8.self)
    }

    /// Returns the next difference from `start` on; `count` if there is none.
    @inline(__always) private func difference(from start: Int, distance: Int, end: Int) -> Int {
      // Most of a page is unchanged.
      start < end ? start + ckernels_mismatch(new + start, old + (start + distance), end - start) : start
    }

    /// Returns the distance at which the bytes from `at` on were before; 0 if they were nowhere
    /// near.
    @inline(__always) private func move(at: Int) -> Int {
      guard moves, at >= 4, at + 12 <= count else { return 0 }
      let here = word(new, at)
      // If they are equal without moving (mostly zeros), nothing is gained.
      guard here != word(old, at) else { return 0 }
      if here == word(old, at - 2) { return -2 }
      if here == word(old, at + 2) { return 2 }
      if here == word(old, at - 4) { return -4 }
      if here == word(old, at + 4) { return 4 }
      return 0
    }

    /// Adds the next difference; returns false if there is none.
    mutating func step() -> Bool {
      let start = difference(from: done, distance: 0, end: count)
      guard start < count else { return false }
      var at = start
      var end = start
      var distance = 0
      while at < count {
        if isEqual(at) {
          if at - end >= PageDifference.least - 1 { break }
        } else {
          distance = move(at: at)
          if distance != 0 { break }
          end = at + 1
        }
        at += 1
      }
      if distance != 0 { end = at }
      if end > start {
        operations.append(varint: UInt64(start - done))
        operations.append(varint: UInt64((end - start) << 1))
        literals.append(new + start, end - start)
        number += 1
        done = end
      }
      guard distance != 0 else { return true }
      let moved = difference(from: at, distance: distance, end: distance > 0 ? count - distance : count)
      operations.append(varint: UInt64(at - done))
      operations.append(varint: UInt64((moved - at) << 1 | 1))
      operations.append(signedVarint: Int64(distance))
      number += 1
      done = moved
      return true
    }
  }
}
