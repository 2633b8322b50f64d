/// The name of an object below a store's root, such as
/// `00000001-5f3a9c21/wal/0000000000000001-0000000000000004`.
///
/// A key has only the characters `A-Z a-z 0-9 - . _ ~ /`, so every version of the signature encodes
/// it alike. It does not begin or end with a slash, and has no empty, `.` or `..` component, so a
/// directory can keep it as a file.
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let name: String

  /// Throws `.invalidKey` for a name outside of this grammar.
  package init(_ name: String) throws(ObjectStoreError) {
    guard Self.isValid(name) else {
      throw ObjectStoreError(.invalidKey, verb: "name", object: name, cause: "not a valid object key")
    }
    self.name = name
  }

  package var description: String { name }

  /// Compares by bytes, the order in which S3 lists.
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

extension ObjectKey {
  /// Returns the bytes of the name that `escaped` was given; `~` without two digits stays.
  package static func unescaped(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var name: [UInt8] = []
    var at = 0
    while at < bytes.count {
      let digits = String(decoding: bytes[at...].dropFirst().prefix(2), as: UTF8.self)
      if bytes[at] == UInt8(ascii: "~"), digits.utf8.count == 2, let byte = UInt8(digits, radix: 16) {
        name.append(byte)
        at += 3
      } else {
        name.append(bytes[at])
        at += 1
      }
    }
    return name
  }

  /// Escapes `name` for a key: any other byte, and `~`, becomes `~` and two hexadecimal digits.
  ///
  /// Different names stay different. A name of plain characters does not change. Slashes are
  /// escaped too.
  package static func escaped(_ name: String) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in name.utf8 {
      if isPlain(byte) && byte != UInt8(ascii: "~") {
        text.append(byte)
      } else {
        text += [UInt8(ascii: "~"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
