package import Bytes
internal import CSQLite
internal import Glibc

/// The values of a statement's parameters as lines of a script that sqlite3 runs before the
/// statement.
///
/// `.parameter init` makes the shell's table of parameters, and one `REPLACE` sets every parameter
/// of the statement, in the order of their numbers. A replay reads the lines as data: `read`
/// accepts what `append` writes, and nothing else.
package enum ParameterLines {
  static let head =
    ".parameter init\nREPLACE INTO temp.sqlite_parameters(key,value)VALUES(" as StaticString
  static let real = "ieee754_from_blob(x'" as StaticString

  /// Returns the shell's key for a parameter's value; parameters without a name have their number.
  package static func key(_ name: String?, at index: Int) -> String { name ?? "?\(index)" }

  // MARK: Writing

  /// Appends the lines; returns false if they cannot hold a value.
  package static func append(_ parameters: [(key: String, value: Value)], to buffer: ByteBuffer) -> Bool {
    buffer.append(head)
    for (index, parameter) in parameters.enumerated() {
      if index > 0 { buffer.append(",(" as StaticString) }
      guard append(text: parameter.key.preservedBytes, to: buffer) else { return false }
      buffer.append(UInt8(ascii: ","))
      guard append(parameter.value, to: buffer) else { return false }
      buffer.append(UInt8(ascii: ")"))
    }
    buffer.append(";\n" as StaticString)
    return true
  }

  private static func append(_ value: Value, to buffer: ByteBuffer) -> Bool {
    switch value {
    case .null: buffer.append("NULL" as StaticString)
    // SQLite treats it as NULL.
    case .real(let number) where number.isNaN: return append(.null, to: buffer)
    case .integer(let number): buffer.append(decimal: number)
    case .real(let number):
      buffer.append(real)
      append(digits: withUnsafeBytes(of: number.bitPattern.bigEndian) { Array($0) }, to: buffer)
    case .text(let text): return append(text: text.preservedBytes, to: buffer)
    case .blob(let bytes):
      buffer.append("x'" as StaticString)
      append(digits: bytes, to: buffer)
    }
    if case .real = value { buffer.append(UInt8(ascii: ")")) }
    return true
  }

  /// Appends the digits, and the quote after them.
  private static func append(digits bytes: [UInt8], to buffer: ByteBuffer) {
    for byte in bytes {
      buffer.append(digits[Int(byte >> 4)])
      buffer.append(digits[Int(byte & 15)])
    }
    buffer.append(UInt8(ascii: "'"))
  }

  private static let digits = Array("0123456789abcdef".utf8)

  /// Returns whether no line of a script can hold a byte: zero ends it, and a shell drops a
  /// carriage return at its end.
  static func isUnsayable(_ byte: UInt8) -> Bool { byte == 0 || byte == 13 }

  /// Appends a literal, with unused control characters in place of those that a line cannot hold.
  private static func append(text: [UInt8], to buffer: ByteBuffer) -> Bool {
    var present: UInt32 = 0
    for byte in text where byte < 32 { present |= 1 << UInt32(byte) }
    var replaced: [(standIn: UInt8, byte: UInt8)] = []
    for byte in [0, 13] as [UInt8] where present & 1 << UInt32(byte) != 0 {
      let free = (1...31).first { present & 1 << UInt32($0) == 0 && $0 != 10 && $0 != 13 }
      guard let free else { return false }
      present |= 1 << UInt32(free)
      replaced.append((UInt8(free), byte))
      buffer.append("replace(" as StaticString)
    }
    buffer.append(UInt8(ascii: "'"))
    for byte in text {
      if byte == UInt8(ascii: "'") { buffer.append(byte) }
      let standIn = isUnsayable(byte) ? replaced.first { $0.byte == byte }?.standIn : nil
      buffer.append(standIn ?? byte)
    }
    buffer.append(UInt8(ascii: "'"))
    for (standIn, byte) in replaced {
      buffer.append(",char(" as StaticString)
      buffer.append(decimal: Int64(standIn))
      buffer.append("),char(" as StaticString)
      buffer.append(decimal: Int64(byte))
      buffer.append("))" as StaticString)
    }
    return true
  }

  /// Returns names and values to show, such as `:x=1, ?2='it''s'`.
  package static func description(_ parameters: [(key: String, value: Value)]) -> String {
    parameters.map { key, value in
      switch value {
      case .null: "\(key)=NULL"
      case .integer(let number): "\(key)=\(number)"
      case .real(let number): "\(key)=\(number)"
      case .text(let text): "\(key)='\(text.replacing("'", with: "''"))'"
      case .blob(let bytes):
        "\(key)=x'\(String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self))'"
      }
    }.joined(separator: ", ")
  }

  // MARK: Reading

  /// Reads the lines in `range` of a script; nil if `append` would not have written them.
  package static func read(_ script: [UInt8], _ range: Range<Int>) -> [(key: String, value: Value)]? {
    var reader = ParameterReader(script, range)
    guard reader.take(head) else { return nil }
    var parameters: [(key: String, value: Value)] = []
    repeat {
      guard case .text(let key) = reader.value(), reader.take(","), let value = reader.value(),
        reader.take(")")
      else { return nil }
      parameters.append((key, value))
    } while reader.take(",(")
    guard reader.take(";\n"), reader.isAtEnd else { return nil }
    return parameters
  }

  /// Parses the lines.
  private struct ParameterReader {
    private let script: [UInt8]
    private var at: Int
    private let end: Int

    init(_ script: [UInt8], _ range: Range<Int>) {
      self.script = script
      at = range.lowerBound
      end = range.upperBound
    }

    var isAtEnd: Bool { at == end }

    /// Skips a word if it comes next.
    mutating func take(_ word: StaticString) -> Bool {
      let count = word.utf8CodeUnitCount
      guard end - at >= count else { return false }
      let isThere = word.withUTF8Buffer { $0.elementsEqual(script[at..<at + count]) }
      if isThere { at += count }
      return isThere
    }

    mutating func value() -> Value? {
      if take("NULL") { return .null }
      if take(real) {
        guard let bytes = blob(), bytes.count == 8, take(")") else { return nil }
        let number = Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) })
        return number.isNaN ? nil : .real(number)
      }
      if take("x'") { return blob().map { .blob($0) } }
      guard at < end else { return nil }
      switch script[at] {
      case UInt8(ascii: "r"), UInt8(ascii: "'"): return text().map { .text(String(preserving: $0)) }
      default: return number().map { .integer($0) }
      }
    }

    private mutating func number() -> Int64? {
      let start = at
      if at < end, script[at] == UInt8(ascii: "-") { at += 1 }
      while at < end, script[at] >= UInt8(ascii: "0"), script[at] <= UInt8(ascii: "9") { at += 1 }
      return Int64(String(decoding: script[start..<at], as: UTF8.self))
    }

    /// Returns the hexadecimal digits up to the quote after them.
    private mutating func blob() -> [UInt8]? {
      guard let quote = script[at..<end].firstIndex(of: UInt8(ascii: "'")), (quote - at) % 2 == 0 else {
        return nil
      }
      var bytes: [UInt8] = []
      bytes.reserveCapacity((quote - at) / 2)
      while at < quote {
        guard let high = Self.digit(script[at]), let low = Self.digit(script[at + 1]) else { return nil }
        bytes.append(high << 4 | low)
        at += 2
      }
      at += 1
      return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
      default: nil
      }
    }

    private mutating func text() -> [UInt8]? {
      var depth = 0
      while depth < 2, take("replace(") { depth += 1 }
      guard var text = literal() else { return nil }
      for _ in 0..<depth {
        guard take(",char("), let standIn = number(), (1...31).contains(standIn), take("),char("),
          let byte = number(), byte == 0 || byte == 13, take("))")
        else { return nil }
        for index in text.indices where text[index] == UInt8(standIn) { text[index] = UInt8(byte) }
      }
      return text
    }

    private mutating func literal() -> [UInt8]? {
      guard take("'") else { return nil }
      var text: [UInt8] = []
      while let quote = script[at..<end].firstIndex(of: UInt8(ascii: "'")) {
        text += script[at..<quote]
        at = quote + 1
        guard at < end, script[at] == UInt8(ascii: "'") else { return text }
        text.append(UInt8(ascii: "'"))
        at += 1
      }
      return nil
    }
  }
}
