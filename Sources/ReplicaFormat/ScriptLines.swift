internal import Bytes
internal import Compression

/// The text of a batch, checked: its last line is the hash of everything before it.
struct ScriptSource: Sendable {
  /// Returns the next bytes of the stored object, from its beginning; an empty array at the end.
  let open: @Sendable () -> () throws -> [UInt8]
  let object: String
  /// Bytes of the text before its last line.
  let count: Int
  /// The whole text; nil if it is long.
  let text: [UInt8]?

  /// The maximum text that is kept in memory.
  private static let shortText = 4 << 20
  /// The last line: `-- end `, 32 digits, a line break.
  private static let lastLine = 40

  /// Reads the whole text once, piece by piece.
  init(object: String, limit: Int, open: @escaping @Sendable () -> () throws -> [UInt8]) throws {
    var hash = Hash128Stream()
    var text: [UInt8] = []
    var hashed = 0
    var isShort = true
    do {
      let stream = try ZstandardText(open())
      while try stream.read(into: &text) {
        guard hashed + text.count <= limit else {
          throw CompressionError(cause: "content is longer than \(limit) bytes")
        }
        if isShort, text.count <= Self.shortText { continue }
        isShort = false
        let ready = text.count - Self.lastLine
        hash.add(Array(text[..<ready]))
        hashed += ready
        text.removeFirst(ready)
      }
    } catch let error as CompressionError {
      throw FormatError(object, error.cause)
    }
    let body = text.count - Self.lastLine
    guard body >= 0, text.last == UInt8(ascii: "\n") else { throw FormatError(object, "cut short") }
    hash.add(Array(text[..<body]))
    guard String(decoding: text[body...], as: UTF8.self) == "-- end \(hash.value)\n" else {
      throw FormatError(object, "its checksum does not match its content")
    }
    self.open = open
    self.object = object
    count = hashed + body
    self.text = isShort ? text : nil
  }
}

/// Reads a script line by line, or a number of bytes at a time.
///
/// It keeps the last lines that were read, and some of the following text. Belongs to one thread at
/// a time.
final class ScriptLines {
  /// The part of the text in memory.
  ///
  /// Positions in it are valid until something else is read.
  private(set) var window: [UInt8] = []
  private let object: String
  private let stream: ZstandardText?
  /// The next byte to read, and the end of the part in memory.
  private var at = 0
  private var end = 0
  /// Bytes of the text that are not in memory yet.
  private var left = 0

  /// The maximum length of a line.
  private static let longestLine = 1 << 20
  /// A larger window is released when it is no longer needed.
  private static let largeWindow = 8 << 20

  init(_ source: ScriptSource) throws(FormatError) {
    object = source.object
    if let text = source.text {
      window = text
      end = source.count
      stream = nil
    } else {
      left = source.count
      do throws(CompressionError) { stream = try ZstandardText(source.open()) } catch {
        throw FormatError(object, error.cause)
      }
    }
  }

  func text(_ range: Range<Int>) -> String { String(decoding: window[range], as: UTF8.self) }

  func wrong(_ line: String) -> FormatError {
    FormatError(object, "does not understand \"\(line.prefix(60))\"")
  }

  private var cutShort: FormatError { FormatError(object, "cut short") }

  func isAtEnd() throws -> Bool {
    try fill(1)
    return at >= end
  }

  /// Reads on until this number of bytes, or the rest, is in memory.
  private func fill(_ count: Int) throws {
    guard end - at < count, left > 0, let stream else { return }
    if at > 0 {
      let rest = Array(window[at..<end])
      if window.capacity > Self.largeWindow {
        window = rest
      } else {
        window.removeAll(keepingCapacity: true)
        window += rest
      }
      (at, end) = (0, rest.count)
    }
    if count > Self.largeWindow { window.reserveCapacity(min(count, end + left) + (128 << 10)) }
    while end - at < count, left > 0 {
      do {
        guard try stream.read(into: &window) else { throw CompressionError(cause: "the object is cut short") }
      } catch let error as CompressionError {
        throw FormatError(object, error.cause)
      }
      let got = min(window.count - end, left)
      end += got
      left -= got
    }
  }

  /// Returns the position of the next line, without its line break.
  func next() throws -> Range<Int> {
    var length = 0
    while true {
      while at + length < end, window[at + length] != UInt8(ascii: "\n") { length += 1 }
      if at + length < end { break }
      guard left > 0, length < Self.longestLine else { throw cutShort }
      try fill(length + 1)
    }
    defer { at += length + 1 }
    return at..<at + length
  }

  /// Skips the next line, which `take` has brought into the window.
  func skipLine() throws { _ = try next() }

  /// Returns the position of the next bytes; the end of the statement after them is in memory as
  /// well.
  func take(_ count: Int) throws -> Range<Int> {
    guard count >= 0, count <= StatementScript.longestStatement else {
      throw FormatError(object, "a statement of \(count) bytes is longer than any that is recorded")
    }
    guard count <= end - at + left else { throw cutShort }
    try fill(count + 3)
    defer { at += count }
    return at..<at + count
  }

  /// Releases memory of text that was read already, if it is much.
  func release() {
    guard window.capacity > Self.largeWindow, stream != nil else { return }
    window = Array(window[at..<end])
    (at, end) = (0, window.count)
  }

  /// Puts a zero byte after a long statement that was taken and skipped, so that SQLite need not
  /// copy it.
  func end(_ sql: Range<Int>) {
    if sql.count > Self.longestLine, stream != nil { window[sql.upperBound] = 0 }
  }

  /// Skips this number of bytes, which need not be in memory together.
  ///
  /// Returns the last of them.
  @discardableResult
  func skip(_ count: Int) throws -> UInt8? {
    guard count >= 0, count <= end - at + left else { throw cutShort }
    var rest = count
    var last: UInt8?
    while rest > 0 {
      try fill(1)
      let step = min(rest, end - at)
      guard step > 0 else { throw cutShort }
      at += step
      rest -= step
      last = window[at - 1]
    }
    return last
  }

  /// Returns the part in memory of everything that follows; nil at the end.
  func rest() throws -> [UInt8]? {
    try fill(1)
    guard at < end else { return nil }
    defer { at = end }
    return Array(window[at..<end])
  }

  /// Reads the decimal number after `name` in a line.
  func number(_ name: StaticString, in line: Range<Int>) -> UInt64? {
    guard let index = Kernels.find(name, in: window, line) else { return nil }
    let start = index + name.utf8CodeUnitCount
    var end = start
    while end < line.upperBound, window[end] != UInt8(ascii: " ") { end += 1 }
    return number(at: start..<end)
  }

  /// Reads the next ` name=value` of a line.
  ///
  /// `at` moves behind it.
  func field(_ at: inout Int, _ end: Int) -> (name: FieldName, value: Range<Int>)? {
    while at < end {
      while at < end, window[at] == UInt8(ascii: " ") { at += 1 }
      let start = at
      var equals = end
      while at < end, window[at] != UInt8(ascii: " ") {
        if window[at] == UInt8(ascii: "="), equals == end { equals = at }
        at += 1
      }
      if equals < at { return (FieldName(window, start..<equals), equals + 1..<at) }
    }
    return nil
  }

  /// Reads a decimal number, which may be negative (then as its two's complement).
  func number(at range: Range<Int>) -> UInt64? {
    var index = range.lowerBound
    let isNegative = index < range.upperBound && window[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    guard index < range.upperBound else { return nil }
    var value: UInt64 = 0
    while index < range.upperBound {
      guard window[index] >= UInt8(ascii: "0"), window[index] <= UInt8(ascii: "9") else { return nil }
      value = value &* 10 &+ UInt64(window[index] - UInt8(ascii: "0"))
      index += 1
    }
    return isNegative ? 0 &- value : value
  }
}

/// Packs up to eight letters into one number, so that no strings are compared.
struct FieldName {
  static let bytes = FieldName("bytes")
  static let changes = FieldName("changes")
  static let values = FieldName("values")
  static let error = FieldName("error")
  static let took = FieldName("took")
  static let now = FieldName("now")
  static let seed = FieldName("seed")
  static let rowid = FieldName("rowid")
  static let total = FieldName("total")
  static let counts = FieldName("counts")
  static let zone = FieldName("zone")

  private var letters: UInt64 = 0

  init(_ script: [UInt8], _ range: Range<Int>) {
    guard range.count <= 8 else { return }
    for byte in script[range] { letters = letters << 8 | UInt64(byte) }
  }

  private init(_ text: String) {
    for byte in text.utf8 { letters = letters << 8 | UInt64(byte) }
  }

  static func ~= (pattern: FieldName, value: FieldName) -> Bool { pattern.letters == value.letters }
}
