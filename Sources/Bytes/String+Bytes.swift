/// Bytes that are not valid UTF-8, kept in a `String`.
///
/// Names in a database and words of a script may have any bytes. Each byte that cannot be decoded
/// becomes one of the last 128 private characters of Unicode. The bytes of those characters
/// themselves do too, so nothing is lost.
extension String {
  private static let firstStandIn: UInt32 = 0x10ff80
  /// The first byte of stand-ins.
  private static let standInLead: UInt8 = 0xf4

  /// Decodes bytes so that `preservedBytes` returns exactly the same.
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

  /// The bytes that this was decoded from; UTF-8 if it was made in another way.
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

  /// The first of the characters that stand for bytes.
  static var leastStandIn: UInt32 { firstStandIn }

  /// False only if `preservedBytes` is plain UTF-8.
  package var holdsStandIns: Bool { utf8.contains(Self.standInLead) }
}

extension Unicode.Scalar {
  /// The byte of a stand-in; nil for any other character.
  var standsForByte: UInt8? { value >= String.leastStandIn ? UInt8(truncatingIfNeeded: value & 0xff) : nil }
}
