internal import SQLite

/// The collation `uint`: like BINARY, but runs of digits compare as numbers of any length.
enum UnsignedCollation {
  static let collation = CollationDefinition("uint") { one, other in
    var at = 0
    var there = 0
    while at < one.count && there < other.count {
      guard isDigit(one[at]) && isDigit(other[there]) else {
        if one[at] != other[there] { return Int(one[at]) - Int(other[there]) }
        at += 1
        there += 1
        continue
      }
      // Leading zeros mean nothing.
      while at < one.count && one[at] == 0x30 { at += 1 }
      while there < other.count && other[there] == 0x30 { there += 1 }
      var count = 0
      while at + count < one.count && there + count < other.count && isDigit(one[at + count])
        && isDigit(other[there + count])
      {
        count += 1
      }
      // The one with more digits is greater.
      if at + count < one.count && isDigit(one[at + count]) { return 1 }
      if there + count < other.count && isDigit(other[there + count]) { return -1 }
      for index in 0..<count where one[at + index] != other[there + index] {
        return Int(one[at + index]) - Int(other[there + index])
      }
      at += count
      there += count
    }
    return (one.count - at) - (other.count - there)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
