internal import Bytes
internal import CSQLite
internal import CSQLiteFiles
internal import Glibc

/// Binds the values directly, without making Swift values of them: this is most of a replay of
/// statements with parameters.
extension ParameterLines {
  /// Binds the values in `range` of a script to the parameters of a statement.
  ///
  /// Returns false if the lines hold anything rare, or other parameters: then nothing is decided,
  /// and `read` must be used.
  package static func bind(
    _ script: [UInt8], _ range: Range<Int>, to statement: Statement
  ) throws(SQLiteError) -> Bool {
    guard range.upperBound <= script.count, let keys = statement.parameterKeys else { return false }
    statement.hasBorrowed = true
    var failure: Int32 = SQLITE_OK
    let isBound = script.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return false }
      var binder = ParameterBinder(
        base + range.lowerBound, base + range.upperBound, statement.handle)
      let isBound = binder.bind(keys)
      failure = binder.code
      return isBound
    }
    try statement.connection.check(failure)
    return isBound
  }

  /// Returns the text before the values of parameters of these names; nil if a name needs more than
  /// quotes around it.
  static func keys(of names: [String]) -> [[UInt8]]? {
    var keys: [[UInt8]] = []
    for name in names {
      let bytes = name.preservedBytes
      guard !bytes.contains(where: { $0 == UInt8(ascii: "'") || isUnsayable($0) }) else { return nil }
      keys.append([UInt8(ascii: "'")] + bytes + [UInt8(ascii: "'"), UInt8(ascii: ",")])
    }
    return keys
  }
}

/// Goes through the lines once.
private struct ParameterBinder {
  private var at: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>
  private let handle: OpaquePointer
  /// SQLite's result code of a binding that failed.
  private(set) var code: Int32 = SQLITE_OK

  init(_ at: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ handle: OpaquePointer) {
    (self.at, self.end, self.handle) = (at, end, handle)
  }

  mutating func bind(_ keys: [[UInt8]]) -> Bool {
    guard take(ParameterLines.head) else { return false }
    for (index, key) in keys.enumerated() {
      guard index == 0 || take(",("), take(key), value(Int32(index + 1)), take(")") else { return false }
    }
    return take(";\n") && at == end
  }

  private mutating func take(_ word: StaticString) -> Bool {
    take(word.utf8Start, word.utf8CodeUnitCount)
  }

  private mutating func take(_ word: [UInt8]) -> Bool {
    word.withUnsafeBufferPointer { bytes in bytes.baseAddress.map { take($0, bytes.count) } ?? true }
  }

  private mutating func take(_ word: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    guard end - at >= count, memcmp(at, word, count) == 0 else { return false }
    at += count
    return true
  }

  /// Binds the value that comes next; false if it is none of the common forms.
  private mutating func value(_ index: Int32) -> Bool {
    guard at < end else { return false }
    switch at.pointee {
    case UInt8(ascii: "'"): return text(index)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return number(index)
    case UInt8(ascii: "N"): return take("NULL") && check(sqlite3_bind_null(handle, index))
    case UInt8(ascii: "i"): return real(index)
    default: return false
    }
  }

  private mutating func check(_ code: Int32) -> Bool {
    self.code = code
    return code == SQLITE_OK
  }

  /// Binds a text without quotes inside; returns false for other forms.
  private mutating func text(_ index: Int32) -> Bool {
    let start = at + 1
    guard let found = memchr(start, 39, end - start) else { return false }
    let quote = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
    guard quote + 1 < end, quote[1] != 39 else { return false }
    at = quote + 1
    let count = quote - start
    return start.withMemoryRebound(to: CChar.self, capacity: count) {
      check(csqlite_bind_text(handle, index, $0, UInt64(count)))
    }
  }

  /// Binds a whole number of up to 18 digits; returns false for other forms.
  private mutating func number(_ index: Int32) -> Bool {
    let isNegative = at.pointee == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let start = at
    var number: Int64 = 0
    while at < end, at.pointee >= UInt8(ascii: "0"), at.pointee <= UInt8(ascii: "9"), at - start < 19 {
      number = number &* 10 &+ Int64(at.pointee - UInt8(ascii: "0"))
      at += 1
    }
    guard at > start, at - start <= 18 else { return false }
    return check(sqlite3_bind_int64(handle, index, isNegative ? -number : number))
  }

  private mutating func real(_ index: Int32) -> Bool {
    guard take(ParameterLines.real), end - at > 16 else { return false }
    var pattern: UInt64 = 0
    for _ in 0..<16 {
      guard let digit = Self.digit(at.pointee) else { return false }
      pattern = pattern << 4 | UInt64(digit)
      at += 1
    }
    let number = Double(bitPattern: pattern)
    return take("')") && !number.isNaN && check(sqlite3_bind_double(handle, index, number))
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
