internal import Glibc

/// Reads SQL text line by line, and knows whether a statement is complete.
///
/// The answer is that of `sqlite3_complete` for all lines together
/// (https://www.sqlite.org/c3ref/complete.html), but each byte is read once. It does not parse: it
/// finds only quotes, comments, semicolons and `CREATE TRIGGER … END;`.
package struct SQLScanner {
  private enum Inside { case nothing, quote(UInt8), blockComment }
  private enum State { case empty, start, normal, explain, create, trigger, semicolon, end }
  private enum Word { case semicolon, other, explain, create, temporary, trigger, end }

  private var inside = Inside.nothing
  private var state = State.empty
  private var endsInLineComment = false
  /// Whether there was anything except white space, comments and semicolons.
  package private(set) var hasContent = false

  package init() {}

  /// Whether the text is ready for SQLite: it ends with a semicolon that ends a statement.
  package var isComplete: Bool { isPlain && state == .start }

  /// Whether the text ends outside of quotes and comments.
  package var isPlain: Bool { if case .nothing = inside { true } else { false } }

  /// Whether there were only white space, semicolons and finished comments.
  package var isBlank: Bool { isPlain && !hasContent }

  /// Whether one more semicolon would complete the text.
  ///
  /// The semicolon would follow the last byte, so a comment to the end of the line would swallow
  /// it.
  package var isCompleteWithSemicolon: Bool {
    if endsInLineComment { return isComplete }
    var copy = self
    copy.take(.semicolon)
    return copy.isComplete
  }

  /// Reads the bytes from `start` to the end of the buffer: one line or several.
  package mutating func scanLine(_ buffer: ByteBuffer, from start: Int) {
    endsInLineComment = false
    buffer.withUnsafeBytes { scan(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }

  private mutating func scan(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    let count = bytes.count
    while at < count {
      switch inside {
      case .quote(let quote):
        at = Self.find(quote, bytes, from: at)
        guard at < count else { return }
        at += 1
        inside = .nothing
      case .blockComment:
        at = Self.find(0x2a, bytes, from: at)
        while at < count && !(at + 1 < count && bytes[at + 1] == 0x2f) {
          at = Self.find(0x2a, bytes, from: at + 1)
        }
        guard at < count else { return }
        at += 2
        inside = .nothing
      case .nothing:
        // Inside a statement only a few bytes matter.
        if state == .normal || state == .trigger { at = Self.skipOrdinary(bytes, from: at) }
        if at < count { at = scanPlain(bytes, from: at) }
      }
    }
  }

  /// Returns the index of the next byte of this value; the number of bytes if there is none.
  private static func find(_ byte: UInt8, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    guard start < bytes.count, let base = bytes.baseAddress,
      let found = memchr(base + start, Int32(byte), bytes.count - start)
    else { return bytes.count }
    return UnsafeRawPointer(found) - base
  }

  /// Skips bytes that neither end a statement nor begin a quote or comment; returns the index of
  /// the next other one.
  private static func skipOrdinary(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    guard let base = bytes.baseAddress else { return bytes.count }
    var at = start
    while at < bytes.count {
      switch base.load(fromByteOffset: at, as: UInt8.self) {
      case 0x22, 0x27, 0x2d, 0x2f, 0x3b, 0x5b, 0x60: return at
      default: at += 1
      }
    }
    return at
  }

  /// Reads one token outside of quotes and comments; returns the index after it.
  private mutating func scanPlain(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    let byte = bytes[start]
    let next: UInt8 = start + 1 < bytes.count ? bytes[start + 1] : 0
    switch byte {
    case 9, 10, 11, 12, 13, 32: return start + 1
    case 0x3b:  // ;
      take(.semicolon)
    case 0x27, 0x22, 0x60, 0x5b:  // ' " ` [
      hasContent = true
      inside = .quote(byte == 0x5b ? 0x5d : byte)
      take(.other)
    case 0x2f where next == 0x2a:  // /*
      inside = .blockComment
      return start + 2
    case 0x2d where next == 0x2d:  // --
      // Pasted or recalled text may have several lines.
      let end = Self.find(10, bytes, from: start)
      endsInLineComment = end == bytes.count
      return end
    default:
      hasContent = true
      guard Self.isWord(byte) else {
        take(.other)
        return start + 1
      }
      var end = start + 1
      while end < bytes.count && Self.isWord(bytes[end]) { end += 1 }
      take(word(UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
      return end
    }
    return start + 1
  }

  private mutating func take(_ word: Word) {
    switch (state, word) {
    case (.trigger, .semicolon), (.semicolon, .semicolon): state = .semicolon
    case (_, .semicolon): state = .start
    case (.trigger, _): break
    case (.semicolon, .end): state = .end
    case (.semicolon, _), (.end, _): state = .trigger
    case (.empty, .explain), (.start, .explain): state = .explain
    case (.empty, .create), (.start, .create), (.explain, .create): state = .create
    case (.explain, .other), (.create, .temporary): break
    case (.create, .trigger): state = .trigger
    default: state = .normal
    }
  }

  /// Returns the kind of a word; words matter only at the start of a statement and inside a
  /// trigger.
  private func word(_ bytes: UnsafeRawBufferPointer) -> Word {
    switch state {
    case .normal, .trigger, .end: return .other
    case .semicolon: return Self.equal(bytes, "end") ? .end : .other
    case .empty, .start, .explain, .create:
      switch bytes.count {
      case 4: return Self.equal(bytes, "temp") ? .temporary : .other
      case 6: return Self.equal(bytes, "create") ? .create : .other
      case 7:
        if Self.equal(bytes, "trigger") { return .trigger }
        return Self.equal(bytes, "explain") ? .explain : .other
      case 9: return Self.equal(bytes, "temporary") ? .temporary : .other
      default: return .other
      }
    }
  }

  private static func equal(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    guard bytes.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.count where bytes[index] | 0x20 != word.utf8Start[index] { return false }
    return true
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x24, 0x80...: true
    default: false
    }
  }
}
