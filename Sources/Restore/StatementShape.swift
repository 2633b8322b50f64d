import Bytes

/// Replaces the literals of a statement with parameters, if this provably changes nothing.
///
/// It accepts two forms and refuses everything unusual. `INSERT INTO t(a, b) VALUES(1, 'x')` stores
/// its values unchanged, in one row. `UPDATE t SET a = 1 WHERE k = 2` and
/// `DELETE FROM t WHERE k = 2` are for callers that know that `k` finds at most one row, so SQLite's
/// search does not matter. Neither literals nor parameters have an affinity
/// (https://www.sqlite.org/datatype3.html#affinity_of_expressions).
struct StatementShape {
  enum Kind { case insert, update, delete }
  enum Literal {
    case integer(Int64)
    /// The position of a text in `texts`; a zero byte follows the text.
    case text(Int)
  }

  private(set) var kind = Kind.insert
  /// The text with `?` in place of each literal.
  private(set) var key: [UInt8] = []
  private(set) var literals: [Literal] = []
  private(set) var texts = ByteBuffer()
  /// The table, and the column in the condition, as written.
  private(set) var table: Range<Int> = 0..<0
  private(set) var column: Range<Int> = 0..<0

  private var at = 0
  private var end = 0

  /// Reads a statement; returns false if it has another form.
  mutating func read(_ script: [UInt8], _ range: Range<Int>) -> Bool {
    at = range.lowerBound
    end = range.upperBound
    key.removeAll(keepingCapacity: true)
    literals.removeAll(keepingCapacity: true)
    // Memory for a long text is released.
    if texts.count > 1 << 20 { texts = ByteBuffer() } else { texts.removeAll() }
    guard range.count <= 1 << 28 else { return false }
    switch script[at] | 0x20 {
    case UInt8(ascii: "i"): return word("INSERT", script) && word("INTO", script) && insert(script)
    case UInt8(ascii: "u"): return word("UPDATE", script) && update(script)
    case UInt8(ascii: "d"): return word("DELETE", script) && word("FROM", script) && delete(script)
    default: return false
    }
  }

  // MARK: Forms

  private mutating func insert(_ script: [UInt8]) -> Bool {
    kind = .insert
    guard name(script) != nil else { return false }
    if byte(UInt8(ascii: "("), script) {
      repeat { guard name(script) != nil else { return false } } while byte(UInt8(ascii: ","), script)
      guard byte(UInt8(ascii: ")"), script) else { return false }
    }
    guard word("VALUES", script), byte(UInt8(ascii: "("), script) else { return false }
    repeat { guard value(script) else { return false } } while byte(UInt8(ascii: ","), script)
    return byte(UInt8(ascii: ")"), script) && finish(script)
  }

  private mutating func update(_ script: [UInt8]) -> Bool {
    kind = .update
    guard let table = name(script) else { return false }
    self.table = table
    guard word("SET", script) else { return false }
    repeat {
      guard let target = name(script), byte(UInt8(ascii: "="), script) else { return false }
      // A column and a number that is added to it, or a literal.
      if let source = name(script) {
        guard key[source].elementsEqual(key[target]) else { return false }
        guard byte(UInt8(ascii: "+"), script) || byte(UInt8(ascii: "-"), script), number(script) else {
          return false
        }
      } else {
        guard value(script) else { return false }
      }
    } while byte(UInt8(ascii: ","), script)
    return condition(script)
  }

  private mutating func delete(_ script: [UInt8]) -> Bool {
    kind = .delete
    guard let table = name(script) else { return false }
    self.table = table
    return condition(script)
  }

  private mutating func condition(_ script: [UInt8]) -> Bool {
    guard word("WHERE", script), let column = name(script) else { return false }
    self.column = column
    return byte(UInt8(ascii: "="), script) && value(script) && finish(script)
  }

  // MARK: Tokens

  private mutating func skip(_ script: [UInt8]) {
    while at < end, script[at] == 0x20 || (script[at] >= 9 && script[at] <= 13) { at += 1 }
  }

  private mutating func finish(_ script: [UInt8]) -> Bool {
    skip(script)
    if at < end, script[at] == UInt8(ascii: ";") { at += 1 }
    skip(script)
    return at == end
  }

  private mutating func byte(_ wanted: UInt8, _ script: [UInt8]) -> Bool {
    skip(script)
    guard at < end, script[at] == wanted else { return false }
    // `--` would begin a comment.
    if wanted == UInt8(ascii: "-"), at + 1 < end, script[at + 1] == wanted { return false }
    at += 1
    key.append(wanted)
    return true
  }

  private mutating func word(_ wanted: StaticString, _ script: [UInt8]) -> Bool {
    skip(script)
    let count = wanted.utf8CodeUnitCount
    guard at + count < end, !Self.isWord(script[at + count]), Kernels.matches(wanted, in: script, at: at)
    else { return false }
    at += count
    key.append(UInt8(ascii: " "))
    key.append(contentsOf: script[at - count..<at])
    key.append(UInt8(ascii: " "))
    return true
  }

  /// Reads a plain name that is not a keyword of these forms; returns its position in `key`.
  private mutating func name(_ script: [UInt8]) -> Range<Int>? {
    skip(script)
    guard at < end, Self.isLetter(script[at]) else { return nil }
    var after = at
    while after < end, Self.isWord(script[after]) { after += 1 }
    if after - at == 4, Kernels.matches("NULL", in: script, at: at) { return nil }
    // A blob, or a function.
    if after < end, script[after] == UInt8(ascii: "'") { return nil }
    let start = key.count
    key.append(contentsOf: script[at..<after])
    at = after
    return start..<key.count
  }

  /// Reads NULL, a whole number or a text.
  private mutating func value(_ script: [UInt8]) -> Bool {
    skip(script)
    guard at < end else { return false }
    switch script[at] {
    case UInt8(ascii: "'"): return text(script)
    case UInt8(ascii: "-"): return byte(UInt8(ascii: "-"), script) && number(script)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return number(script)
    case UInt8(ascii: "N"), UInt8(ascii: "n"):
      guard at + 4 < end, Kernels.matches("NULL", in: script, at: at), !Self.isWord(script[at + 4]) else {
        return false
      }
      at += 4
      key += "NULL".utf8
      return true
    default: return false
    }
  }

  /// Reads up to 18 digits that are not part of another number.
  private mutating func number(_ script: [UInt8]) -> Bool {
    skip(script)
    let start = at
    var number: Int64 = 0
    while at < end, script[at] >= UInt8(ascii: "0"), script[at] <= UInt8(ascii: "9"), at - start < 19 {
      number = number &* 10 &+ Int64(script[at] - UInt8(ascii: "0"))
      at += 1
    }
    guard at > start, at - start <= 18, at < end, !Self.isWord(script[at]), script[at] != UInt8(ascii: ".")
    else { return false }
    literals.append(.integer(number))
    key.append(UInt8(ascii: "?"))
    return true
  }

  private mutating func text(_ script: [UInt8]) -> Bool {
    let start = texts.count
    at += 1
    while true {
      var stop = at
      while stop < end, script[stop] != UInt8(ascii: "'") { stop += 1 }
      guard stop < end else { return false }
      // With room for the zero byte, so that a long text need not grow again.
      texts.reserve(stop - at + 1)
      texts.append(script[at..<stop])
      at = stop + 1
      guard at < end, script[at] == UInt8(ascii: "'") else { break }
      texts.append(UInt8(ascii: "'"))
      at += 1
    }
    texts.append(0)
    literals.append(.text(start))
    key.append(UInt8(ascii: "?"))
    return true
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    isLetter(byte) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || byte >= 0x80
      || byte == UInt8(ascii: "$")
  }
}
