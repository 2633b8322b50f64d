internal import Bytes
internal import Files
internal import SQLite

/// A member with SQL's values, before it is encoded.
struct ZipMember {
  var name: [UInt8]
  let mode: UInt32
  let modified: Int64
  let isFolder: Bool

  /// Reads the mode, which must fit the kind of member.
  static func mode(_ value: Argument?, isFolder: Bool) throws(VirtualTableError) -> UInt32 {
    let mode: UInt32
    if let value, let text = value.cText {
      if let digit = text.first, digit >= 0x30 && digit <= 0x39 {
        mode = UInt32(bitPattern: value.int32)
      } else if let parsed = parsed(text) {
        mode = parsed
      } else {
        throw VirtualTableError("zipfile: parse error in mode: \(String(preserving: text))")
      }
    } else {
      mode = isFolder ? FileStatus.folder | 0o755 : FileStatus.regular | 0o644
    }
    guard (mode & FileStatus.folder != 0) == isFolder else {
      throw VirtualTableError(.constraint, "zipfile: mode does not match data")
    }
    return mode
  }

  /// Parses kind and permissions as in `ls -l`.
  private static func parsed(_ text: [UInt8]) -> UInt32? {
    guard text.count == 10 else { return nil }
    var mode: UInt32
    switch text[0] {
    case UInt8(ascii: "-"): mode = FileStatus.regular
    case UInt8(ascii: "d"): mode = FileStatus.folder
    case UInt8(ascii: "l"): mode = FileStatus.link
    default: return nil
    }
    for (index, letter) in "rwxrwxrwx".utf8.enumerated() {
      if text[index + 1] == letter {
        mode |= 1 << UInt32(8 - index)
      } else if text[index + 1] != UInt8(ascii: "-") {
        return nil
      }
    }
    return mode
  }

  /// Seconds since 1970: now by default.
  static func time(_ value: Argument?) -> Int64 {
    if let value, !value.isNull { return value.integer }
    return Clock.wallMicroseconds / 1_000_000
  }

  /// Returns whether two names mean the same member: a slash at the end only marks a folder.
  static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool { trimmed(one) == trimmed(other) }

  /// Returns a name without slashes at its end.
  static func trimmed(_ name: [UInt8]) -> ArraySlice<UInt8> {
    var name = name[...]
    while name.last == UInt8(ascii: "/") { name.removeLast() }
    return name
  }

  /// Returns the name of a folder, with the slash that other programs expect.
  static func folderName(_ name: [UInt8]) -> [UInt8] {
    name.last == UInt8(ascii: "/") ? name : name + [UInt8(ascii: "/")]
  }
}
