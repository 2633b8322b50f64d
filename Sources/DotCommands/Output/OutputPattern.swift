/// A pattern for output, for `.check`.
///
/// `*`, `?` and `[…]` are as in GLOB. `#` stands for a whole number with or without a sign, white
/// space for any white space. White space after the output's end does not count.
struct OutputPattern {
  private let pattern: [UInt8]

  init(_ pattern: [UInt8]) { self.pattern = pattern }

  /// Returns whether a whole text matches the pattern.
  func matches(_ text: [UInt8]) -> Bool { matches(0, text, 0) }

  private func matches(_ start: Int, _ text: [UInt8], _ from: Int) -> Bool {
    var (at, position) = (start, from)
    func byte(_ position: Int) -> UInt8 { position < text.count ? text[position] : 0 }
    while at < pattern.count {
      let wanted = pattern[at]
      at += 1
      switch wanted {
      case UInt8(ascii: "*"): return matchesAfterStar(at, text, position)
      case UInt8(ascii: "?"):
        guard position < text.count else { return false }
        position += 1
      case UInt8(ascii: "["):
        guard position < text.count, let end = takesSet(at, text[position]) else { return false }
        position += 1
        at = end
      case UInt8(ascii: "#"):
        if byte(position) == UInt8(ascii: "-") || byte(position) == UInt8(ascii: "+"),
          Self.isDigit(byte(position + 1))
        {
          position += 1
        }
        guard Self.isDigit(byte(position)) else { return false }
        while Self.isDigit(byte(position)) { position += 1 }
      case _ where Self.isSpace(wanted):
        guard Self.isSpace(byte(position)) else { return false }
        while at < pattern.count && Self.isSpace(pattern[at]) { at += 1 }
        while Self.isSpace(byte(position)) { position += 1 }
      default:
        guard position < text.count, text[position] == wanted else { return false }
        position += 1
      }
    }
    return text[min(position, text.count)...].allSatisfy { Self.isSpace($0) }
  }

  private func matchesAfterStar(_ start: Int, _ text: [UInt8], _ from: Int) -> Bool {
    var (at, position) = (start, from)
    while at < pattern.count, pattern[at] == UInt8(ascii: "*") || pattern[at] == UInt8(ascii: "?") {
      if pattern[at] == UInt8(ascii: "?") {
        guard position < text.count else { return false }
        position += 1
      }
      at += 1
    }
    guard at < pattern.count else { return true }
    let isSet = pattern[at] == UInt8(ascii: "[")
    while position < text.count {
      // Right after a star, everything except a set stands for itself.
      if isSet {
        if matches(at, text, position) { return true }
      } else if text[position] == pattern[at], matches(at + 1, text, position + 1) {
        return true
      }
      position += 1
    }
    return false
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }

  /// Returns the position after the set that begins at `start`, if it holds `byte`; nil if not, or
  /// if the set has no end.
  private func takesSet(_ start: Int, _ byte: UInt8) -> Int? {
    var at = start
    let isInverted = at < pattern.count && pattern[at] == UInt8(ascii: "^")
    if isInverted { at += 1 }
    var isSeen = false
    var previous: UInt8?
    if at < pattern.count && pattern[at] == UInt8(ascii: "]") {
      isSeen = byte == pattern[at]
      at += 1
    }
    while at < pattern.count, pattern[at] != UInt8(ascii: "]") {
      let now = pattern[at]
      at += 1
      if now == UInt8(ascii: "-"), let low = previous, at < pattern.count, pattern[at] != UInt8(ascii: "]") {
        if byte >= low && byte <= pattern[at] { isSeen = true }
        at += 1
        previous = nil
      } else {
        if byte == now { isSeen = true }
        previous = now
      }
    }
    return at < pattern.count && isSeen != isInverted ? at + 1 : nil
  }
}
