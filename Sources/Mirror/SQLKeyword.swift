/// The first words of a statement, as far as transaction control needs them.
enum SQLKeyword: Equatable {
  case savepoint(String)
  case release(String)
  /// `ROLLBACK TO name`.
  case rollbackTo(String)
  case begin
  case pragma
  case other

  /// Whether a statement that begins with this letter, 0 for a comment, may control transactions.
  static func isControl(_ letter: UInt8) -> Bool {
    letter == 0 || letter == UInt8(ascii: "S") || letter == UInt8(ascii: "R")
  }

  init(_ sql: String) {
    var words = SQLWords(sql)
    switch words.next()?.uppercased() {
    case "SAVEPOINT": self = words.next().map { .savepoint($0.uppercased()) } ?? .other
    case "RELEASE":
      var name = words.next()
      if name?.uppercased() == "SAVEPOINT", let next = words.next() { name = next }
      self = name.map { .release($0.uppercased()) } ?? .other
    case "ROLLBACK":
      var word = words.next()
      if word?.uppercased() == "TRANSACTION" { word = words.next() }
      guard word?.uppercased() == "TO" else {
        self = .other
        return
      }
      var name = words.next()
      if name?.uppercased() == "SAVEPOINT", let next = words.next() { name = next }
      self = name.map { .rollbackTo($0.uppercased()) } ?? .other
    case "BEGIN": self = .begin
    case "PRAGMA": self = .pragma
    default: self = .other
    }
  }
}

/// Words of a statement one by one, past white space and comments; quotes around a name are taken off.
private struct SQLWords {
  private var rest: Substring.UTF8View

  init(_ sql: String) { rest = Substring(sql.prefix(4096)).utf8 }

  mutating func next() -> String? {
    skipBlanks()
    guard let first = rest.first else { return nil }
    let closing: UInt8? =
      switch first {
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): first
      case UInt8(ascii: "["): UInt8(ascii: "]")
      default: nil
      }
    if let closing {
      var name: [UInt8] = []
      rest = rest.dropFirst()
      while let byte = rest.first {
        rest = rest.dropFirst()
        if byte == closing {
          // A doubled quote stands for itself, except in brackets.
          guard closing != UInt8(ascii: "]"), rest.first == closing else { break }
          rest = rest.dropFirst()
        }
        name.append(byte)
      }
      return String(decoding: name, as: UTF8.self)
    }
    let word = rest.prefix { byte in
      byte >= 0x80 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$")
        || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
        || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
    }
    guard !word.isEmpty else { return nil }
    rest = rest.dropFirst(word.count)
    return String(Substring(word))
  }

  private mutating func skipBlanks() {
    while let byte = rest.first {
      if byte == UInt8(ascii: " ") || (byte >= 9 && byte <= 13) {
        rest = rest.dropFirst()
      } else if rest.starts(with: "--".utf8) {
        rest = rest.drop { $0 != UInt8(ascii: "\n") }
      } else if rest.starts(with: "/*".utf8) {
        rest = rest.dropFirst(2)
        while !rest.isEmpty, !rest.starts(with: "*/".utf8) { rest = rest.dropFirst() }
        rest = rest.dropFirst(2)
      } else {
        return
      }
    }
  }
}
