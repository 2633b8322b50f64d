internal import SQLite

/// The kind of a byte of SQL, for its colour.
package enum SQLTint: UInt8, CaseIterable, Sendable { case plain, keyword, constant, comment, error }

/// Reads SQL line by line and decides colours.
///
/// It does not parse and refuses nothing: it finds words, literals, comments, and quotes and
/// parentheses without a partner.
package struct SQLColouring: Equatable, Sendable {
  /// The mark of the two parentheses at the cursor, beside their tint.
  package static let partner: UInt8 = 0x40

  private enum Inside: Equatable { case nothing, quote(UInt8), blob, comment }

  private var inside = Inside.nothing
  /// The open parentheses.
  private var depth = 0
  /// Whether nothing came before: the line may be a dot-command.
  private var isStart = true
  /// Whether the last token, comments aside, is a semicolon.
  private var endsStatement = false

  package init() {}

  /// Reads a finished line.
  package mutating func skip(_ line: [UInt8]) { _ = colour(line, cursor: nil) }

  /// Reads a line, and returns the raw value of a tint for each byte.
  ///
  /// If `cursor` touches a parenthesis with a partner, both are marked. Open parts are an error,
  /// unless the statement may continue in the next line: then `isAccepted` is true and no semicolon
  /// ends it.
  package mutating func colour(_ line: [UInt8], cursor: Int?, isAccepted: Bool = false) -> [UInt8] {
    var pass = Pass(line, self)
    defer { self = pass.state }
    if isStart, let first = line.first, first == UInt8(ascii: ".") || first == UInt8(ascii: "#") {
      if first == UInt8(ascii: "#") { pass.fill(0..<line.count, .comment) }
      return pass.tints
    }
    pass.run()
    pass.markOpen(unlessOpen: isAccepted)
    if let cursor { pass.markPartner(cursor) }
    return pass.tints
  }

  /// One pass over one line.
  private struct Pass {
    let line: [UInt8]
    var state: SQLColouring
    var tints: [UInt8]
    /// Positions of open quotes and parentheses; -1 for an earlier line.
    private var quote = -1
    private var open: [Int]
    /// The index of the partner of a parenthesis; -1 for everything else.
    private var partners: [Int: Int] = [:]

    init(_ line: [UInt8], _ state: SQLColouring) {
      self.line = line
      self.state = state
      tints = [UInt8](repeating: 0, count: line.count)
      open = [Int](repeating: -1, count: min(state.depth, 1 << 16))
    }

    mutating func fill(_ range: Range<Int>, _ tint: SQLTint) {
      for index in range { tints[index] = tint.rawValue }
    }

    mutating func run() {
      var at = 0
      while at < line.count {
        switch state.inside {
        case .nothing: at = plain(at)
        case .comment: at = comment(at)
        case .quote(let mark): at = quoted(at, until: mark, tint: mark == 0x27 ? .constant : .plain)
        case .blob: at = quoted(at, until: 0x27, tint: .constant)
        }
      }
      state.depth = open.count
      if !line.isEmpty { state.isStart = false }
    }

    private func byte(_ at: Int) -> UInt8 { at < line.count ? line[at] : 0 }

    private mutating func comment(_ start: Int) -> Int {
      var at = start
      while at < line.count && !(line[at] == 0x2a && byte(at + 1) == 0x2f) { at += 1 }
      if at < line.count {
        at += 2
        state.inside = .nothing
      }
      fill(start..<at, .comment)
      return at
    }

    private mutating func quoted(_ start: Int, until mark: UInt8, tint: SQLTint) -> Int {
      var at = start
      while at < line.count {
        if line[at] == mark {
          // A doubled quote stands for itself.
          guard mark != 0x5d && byte(at + 1) == mark else { break }
          at += 1
        }
        at += 1
      }
      if at < line.count {
        at += 1
        state.inside = .nothing
      }
      fill(start..<at, tint)
      return at
    }

    /// Reads a token outside of quotes and comments; returns the index after it.
    private mutating func plain(_ at: Int) -> Int {
      let first = line[at]
      switch (first, byte(at + 1)) {
      case (9...13, _), (32, _): return at + 1
      case (0x2d, 0x2d):
        let end = line[at...].firstIndex(of: 10) ?? line.count
        fill(at..<end, .comment)
        return end
      case (0x2f, 0x2a):
        state.inside = .comment
        fill(at..<at + 2, .comment)
        return at + 2
      default: break
      }
      state.endsStatement = first == 0x3b
      switch first {
      case 0x27, 0x22, 0x60, 0x5b: return begin(.quote(first == 0x5b ? 0x5d : first), at, at + 1)
      case 0x28: open.append(at)
      case 0x29: close(at)
      case 0x3b:
        // The next statement has its own parentheses. Those of this one stay open, which is an
        // error.
        for index in open where index >= 0 { tints[index] = SQLTint.error.rawValue }
        open = []
      case 0x3a, 0x40, 0x24, 0x3f, 0x23: return word(at + 1)  // : @ $ ? #
      case 0x2e where Self.isDigit(byte(at + 1)): return number(at)
      case 0x58 where byte(at + 1) == 0x27, 0x78 where byte(at + 1) == 0x27: return begin(.blob, at, at + 2)
      case _ where Self.isDigit(first): return number(at)
      case _ where Self.isWord(first):
        let end = word(at)
        if byte(end) != 0x2e && (at == 0 || line[at - 1] != 0x2e),
          SQLWords.all.contains(SQLWords.key(line[at..<end]))
        {
          fill(at..<end, .keyword)
        }
        return end
      default: break
      }
      return at + 1
    }

    private mutating func begin(_ inside: Inside, _ at: Int, _ end: Int) -> Int {
      state.inside = inside
      quote = end - 1
      if inside == .blob || inside == .quote(0x27) { fill(at..<end, .constant) }
      return end
    }

    private mutating func close(_ at: Int) {
      guard let other = open.popLast() else {
        tints[at] = SQLTint.error.rawValue
        return
      }
      guard other >= 0 else { return }
      partners[other] = at
      partners[at] = other
    }

    private func word(_ start: Int) -> Int {
      var at = start
      while at < line.count && Self.isWord(line[at]) { at += 1 }
      return at
    }

    private mutating func number(_ start: Int) -> Int {
      var at = start
      if line[at] == 0x30 && byte(at + 1) | 0x20 == 0x78 {
        at += 2
        while Self.isHexadecimal(byte(at)) { at += 1 }
      } else {
        while Self.isDigit(byte(at)) { at += 1 }
        if byte(at) == 0x2e { at += 1 }
        while Self.isDigit(byte(at)) { at += 1 }
        if byte(at) | 0x20 == 0x65 {
          let digits = byte(at + 1) == 0x2b || byte(at + 1) == 0x2d ? at + 2 : at + 1
          if Self.isDigit(byte(digits)) { at = digits }
          while Self.isDigit(byte(at)) { at += 1 }
        }
      }
      let end = word(at)
      // Not a number in SQLite.
      if end == at { fill(start..<end, .constant) }
      return end
    }

    /// Marks the parts that were opened in this line and not closed.
    mutating func markOpen(unlessOpen: Bool) {
      if unlessOpen && !(state.inside == .nothing && state.endsStatement) { return }
      for index in open where index >= 0 { tints[index] = SQLTint.error.rawValue }
      switch state.inside {
      case .quote, .blob: if quote >= 0 { tints[quote] = SQLTint.error.rawValue }
      case .nothing, .comment: break
      }
    }

    /// Marks the parenthesis before or under the cursor and its partner.
    mutating func markPartner(_ cursor: Int) {
      for index in [cursor - 1, cursor] {
        guard let other = partners[index] else { continue }
        tints[index] |= SQLColouring.partner
        tints[other] |= SQLColouring.partner
        return
      }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
      isDigit(byte) || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66
    }
    private static func isWord(_ byte: UInt8) -> Bool {
      isDigit(byte) || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == 0x5f || byte == 0x24
        || byte >= 0x80
    }
  }
}

/// SQLite's keywords, for lookup.
private enum SQLWords {
  static let all = Set(Keywords.all.map { key(ArraySlice($0.utf8)) })

  /// Returns a word in lower case; nothing for a word longer than any keyword.
  static func key(_ word: ArraySlice<UInt8>) -> [UInt8] { word.count > 17 ? [] : word.map { $0 | 0x20 } }
}
