/// Bytes that are no valid UTF-8, carried through a `String` and back.
///
/// Names in a database and words of a script may be anything. Each byte that cannot be decoded becomes one of the last 128
/// private characters of Unicode, and so do the bytes of those characters themselves, so nothing is lost.
extension String {
  private static let firstStandIn: UInt32 = 0x10ff80
  /// The byte that stand-ins begin with.
  private static let standInLead: UInt8 = 0xf4

  /// Decodes bytes so that `preservedBytes` gives the very same back.
  package init(preserving bytes: some Collection<UInt8>) {
    let whole: String? = String(validating: bytes, as: UTF8.self)
    guard let whole, !whole.holdsStandIns else {
      self = Self.withStandIns(Array(bytes))
      return
    }
    self = whole
  }

  private static func withStandIns(_ bytes: [UInt8]) -> String {
    var text = ""
    var at = 0
    while at < bytes.count {
      let length = bytes[at] < 0x80 ? 1 : bytes[at] < 0xe0 ? 2 : bytes[at] < 0xf0 ? 3 : 4
      let end = Swift.min(at + length, bytes.count)
      if let character = String(validating: bytes[at..<end], as: UTF8.self),
        let scalar = character.unicodeScalars.first, scalar.value < firstStandIn
      {
        text.unicodeScalars.append(scalar)
        at = end
      } else {
        let standIn = firstStandIn + UInt32(bytes[at] & 0x7f)
        if let scalar = Unicode.Scalar(standIn) { text.unicodeScalars.append(scalar) }
        at += 1
      }
    }
    return text
  }

  /// The bytes this was decoded from; UTF-8 if it was made otherwise.
  package var preservedBytes: [UInt8] {
    guard holdsStandIns else { return Array(utf8) }
    var bytes: [UInt8] = []
    for scalar in unicodeScalars {
      if scalar.value >= Self.firstStandIn {
        bytes.append(UInt8(truncatingIfNeeded: scalar.value & 0xff))
      } else {
        bytes += UTF8.encode(scalar).map(Array.init) ?? []
      }
    }
    return bytes
  }

  /// The least of the characters that stand for bytes.
  static var leastStandIn: UInt32 { firstStandIn }

  /// False only where `preservedBytes` is plain UTF-8.
  package var holdsStandIns: Bool { utf8.contains(Self.standInLead) }
}

extension Unicode.Scalar {
  /// The byte that a stand-in stands for; nil for any other character.
  var standsForByte: UInt8? { value >= String.leastStandIn ? UInt8(truncatingIfNeeded: value & 0xff) : nil }
}
