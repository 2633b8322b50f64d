internal import Bytes

/// The stored difference of a page in a slice: runs of bytes that replace bytes of the page's image
/// before.
struct StoredDifference {
  /// A range of bytes in the page, and the distance to their earlier place; 0 if they are new.
  private struct Operation {
    let at: Int
    let count: Int
    let distance: Int
  }

  private let operations: [Operation]
  /// The bytes of the operations in the tables.
  let bytes: Range<Int>
  /// New bytes of all operations, which follow each other in the stream of literals.
  let literalCount: Int

  /// Takes the operations of the next frame that is a difference.
  ///
  /// Throws if they reach beyond a page.
  init(_ cursor: inout FieldCursor, pageSize: Int, object: String) throws(FormatError) {
    let damage = FormatError(object, "a difference is damaged")
    let start = cursor.at
    guard let count = cursor.varint(UInt32.self), count <= cursor.left else { throw damage }
    var found: [Operation] = []
    found.reserveCapacity(Int(count))
    var at = 0
    var new = 0
    for _ in 0..<count {
      guard let skipped = cursor.varint(UInt32.self), let field = cursor.varint(UInt32.self) else {
        throw damage
      }
      at += Int(skipped)
      let length = Int(field >> 1)
      var distance = 0
      guard at + length <= pageSize else { throw damage }
      if field & 1 == 1 {
        guard let told = cursor.signedVarint(), told != 0, told.magnitude < pageSize else { throw damage }
        distance = Int(told)
        guard at + distance >= 0, at + distance + length <= pageSize else { throw damage }
      } else {
        new += length
      }
      found.append(Operation(at: at, count: length, distance: distance))
      at += length
    }
    operations = found
    bytes = start..<cursor.at
    literalCount = new
  }

  /// Changes a copy of the page's image before, which stands at `index` of `target`.
  ///
  /// The literals begin at `start` of `literals`.
  func apply(
    to target: inout [UInt8], at index: Int, base: (bytes: [UInt8], index: Int), literals: [UInt8],
    from start: Int
  ) {
    var taken = start
    for operation in operations {
      let at = index + operation.at
      if operation.distance != 0 {
        let from = base.index + operation.at + operation.distance
        Kernels.copy(into: &target, at: at, from: base.bytes, at: from, count: operation.count)
        continue
      }
      Kernels.copy(into: &target, at: at, from: literals, at: taken, count: operation.count)
      taken += operation.count
    }
  }
}
