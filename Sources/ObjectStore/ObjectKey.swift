/// Name of an object below a store's root, such as `00000001-5f3a9c21/wal/0000000000000001-0000000000000004`.
///
/// Keys hold only `A-Z a-z 0-9 - . _ ~ /`, so that every signature version encodes them alike. They never begin
/// or end with a slash and hold no empty, `.` or `..` component, so that a directory can keep them as files.
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let name: String

  /// Refuses a name outside the grammar above.
  package init(_ name: String) throws(ObjectStoreError) {
    guard Self.isValid(name) else {
      throw ObjectStoreError(.invalidKey, verb: "name", object: name, cause: "not a valid object key")
    }
    self.name = name
  }

  package var description: String { name }

  /// Byte order, which is the order S3 lists in.
  package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
    left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
  }

  private static func isValid(_ name: String) -> Bool {
    guard !name.isEmpty, name.utf8.count <= 900 else { return false }
    for component in name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      if component.isEmpty || component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8) {
        return false
      }
      guard component.allSatisfy(isPlain) else { return false }
    }
    return true
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
    default: false
    }
  }
}
