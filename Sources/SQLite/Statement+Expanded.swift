package import Bytes
internal import CSQLite
internal import Glibc

extension Statement {
  /// Bytes of the text.
  package var sqlLength: Int { sqlite3_sql(handle).map(strlen) ?? 0 }

  /// Appends the first bytes of the text as they are.
  package func appendSQL(_ count: Int, to buffer: ByteBuffer) {
    if let text = sqlite3_sql(handle) { buffer.append(UnsafeRawPointer(text), count) }
  }

  /// Appends part of the text as it is.
  package func appendSQL(_ range: Range<Int>, to buffer: ByteBuffer) {
    if let text = sqlite3_sql(handle) {
      buffer.append(UnsafeRawPointer(text + range.lowerBound), range.count)
    }
  }

  /// Appends the text with its parameters replaced by their values, so that SQL reads the very same back.
  ///
  /// False where SQLite could not make it (out of memory, or longer than its length limit). Text that was bound without
  /// being copied is left to `sqlite3_expanded_sql`, which does it right.
  package func appendExpandedSQL(to buffer: ByteBuffer) -> Bool {
    guard let text = sqlite3_sql(handle) else { return false }
    if values.isEmpty {
      guard parameterCount > 0 else {
        buffer.append(UnsafeRawPointer(text), strlen(text))
        return true
      }
      guard let expanded = sqlite3_expanded_sql(handle) else { return false }
      defer { sqlite3_free(expanded) }
      buffer.append(UnsafeRawPointer(expanded), strlen(expanded))
      return true
    }
    var highest = 0
    let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
    for piece in ParameterScanner(bytes) {
      switch piece {
      case .text(let range): buffer.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
      case .parameter(let range):
        var index = highest + 1
        if range.count > 1 {
          let name = String(decoding: bytes[range], as: UTF8.self)
          // A number may stand for a parameter that has a name as well.
          index = Int(name.dropFirst()) ?? Int(sqlite3_bind_parameter_index(handle, name))
        }
        highest = max(highest, index)
        append(values.indices.contains(index - 1) ? values[index - 1] : .null, to: buffer)
      }
    }
    return true
  }

  private func append(_ value: Value, to buffer: ByteBuffer) {
    switch value {
    case .null: buffer.append("NULL" as StaticString)
    case .integer(let number):
      // After a minus sign another would begin a comment.
      if number < 0 { buffer.append(UInt8(ascii: "(")) }
      buffer.append(decimal: number)
      if number < 0 { buffer.append(UInt8(ascii: ")")) }
    case .real(let number): ExactReal.append(number, to: buffer)
    case .text(let text): append(text.preservedBytes, to: buffer)
    case .blob(let bytes):
      buffer.append("X'" as StaticString)
      for byte in bytes {
        buffer.append(Self.digits[Int(byte >> 4)])
        buffer.append(Self.digits[Int(byte & 15)])
      }
      buffer.append(UInt8(ascii: "'"))
    }
  }

  private static let digits = Array("0123456789ABCDEF".utf8)

  /// A literal cannot hold a zero byte.
  private func append(_ text: [UInt8], to buffer: ByteBuffer) {
    let holdsZero = text.contains(0)
    buffer.append(holdsZero ? "('" : "'" as StaticString)
    for byte in text {
      switch byte {
      case 0: buffer.append("'||char(0)||'" as StaticString)
      case UInt8(ascii: "'"): buffer.append("''" as StaticString)
      default: buffer.append(byte)
      }
    }
    buffer.append(holdsZero ? "')" : "'" as StaticString)
  }
}

extension ByteBuffer {
  fileprivate func append(_ bytes: UnsafeRawBufferPointer) {
    if let start = bytes.baseAddress { append(start, bytes.count) }
  }
}

/// Takes SQL apart into text and parameters (https://www.sqlite.org/lang_expr.html#varparam).
private struct ParameterScanner: Sequence, IteratorProtocol {
  enum Piece { case text(Range<Int>), parameter(Range<Int>) }

  private let bytes: UnsafeRawBufferPointer
  private var at = 0
  private var parameter: Range<Int>?

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() -> Piece? {
    if let found = parameter {
      parameter = nil
      return .parameter(found)
    }
    guard at < bytes.count else { return nil }
    let start = at
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"): skip(to: byte)
      case UInt8(ascii: "["): skip(to: UInt8(ascii: "]"))
      case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): skip(to: UInt8(ascii: "\n"))
      case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
        at += 2
        while at < bytes.count, !(bytes[at] == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) { at += 1 }
        at = Swift.min(at + 2, bytes.count)
      case UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "$"), UInt8(ascii: "#"):
        let first = at
        at += 1
        while at < bytes.count, goesOn(from: first) { at += 1 }
        guard byte == UInt8(ascii: "?") || at > first + 1 else { continue }
        if first == start { return .parameter(first..<at) }
        parameter = first..<at
        return .text(start..<first)
      case _ where isWord(byte): while at < bytes.count, isWord(bytes[at]) { at += 1 }
      default: at += 1
      }
    }
    return .text(start..<at)
  }

  private func peek(_ distance: Int) -> UInt8 { at + distance < bytes.count ? bytes[at + distance] : 0 }

  private mutating func skip(to end: UInt8) {
    at += 1
    while at < bytes.count, bytes[at] != end { at += 1 }
    at = Swift.min(at + 1, bytes.count)
  }

  /// Whether the byte at hand belongs to the name that begins at `first`: `$a::b(c)` is one.
  private mutating func goesOn(from first: Int) -> Bool {
    if isWord(bytes[at]) { return true }
    guard bytes[first] != UInt8(ascii: "?") else { return false }
    if bytes[at] == UInt8(ascii: ":"), peek(1) == UInt8(ascii: ":") {
      at += 1
      return true
    }
    guard bytes[at] == UInt8(ascii: "("), at > first + 1 else { return false }
    while at + 1 < bytes.count, bytes[at] != UInt8(ascii: ")") { at += 1 }
    return true
  }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x24, 0x80...: true
    default: false
    }
  }
}
