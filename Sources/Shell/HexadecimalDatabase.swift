internal import Bytes
internal import Files

/// A database as text: lines of 16 bytes in hexadecimal, in the format of SQLite's tool `dbtotxt`.
///
/// It skips unknown lines, and bytes outside of the size in the first line.
struct HexadecimalDatabase {
  /// Bytes of the database.
  private(set) var content: [UInt8] = []
  private var pageOffset = 0

  /// Reads a file, or the following lines of the current input if there is no name.
  ///
  /// Returns nil, and prints the reason, if there is no such text.
  init?(in session: Session, file: String?) {
    let source: any LineSource
    if let file {
      guard let reader = StreamReader(path: file) else {
        session.errors.print("cannot open \"\(file)\" for reading")
        return nil
      }
      source = StreamLines(reader)
    } else {
      source = session.input.source ?? StreamLines(StreamReader(descriptor: 0))
    }
    var lineNumber = file == nil ? session.input.lineNumber : 0
    // A line longer than sqlite3's buffer counts as several.
    func next() -> [UInt8]? {
      let buffer = ByteBuffer()
      guard source.appendPiece(atMost: Self.longestLine, to: buffer) == .line else { return nil }
      lineNumber += 1
      return buffer.bytes
    }
    var isValid = false
    let first = next()
    // A missing first line counts as a line.
    if first == nil { lineNumber += 1 }
    if let first, let size = Self.size(first) {
      isValid = true
      content = [UInt8](repeating: 0, count: size)
      while let line = next(), !line.starts(with: Self.end) { take(line) }
    } else if file == nil {
      while let line = next(), !line.starts(with: Self.end) {}
    }
    if file == nil { session.input.lineNumber = lineNumber }
    guard isValid else {
      session.errors.print("Error on line \(lineNumber) of --hexdb input")
      return nil
    }
  }

  /// The maximum bytes of a line that are read at once.
  private static let longestLine = 999
  /// The beginning of the last line.
  private static let end = Array("| end ".utf8)

  /// Reads `| size N pagesize P …`: the size in whole pages; nil for another line.
  private static func size(_ line: [UInt8]) -> Int? {
    var scanner = FormatScanner(line)
    guard scanner.skip("| size "), let size = scanner.number(), scanner.skip(" pagesize "),
      let page = scanner.number(), size >= 0, page >= 512, page <= 65536, page & (page - 1) == 0
    else { return nil }
    return (Int(size) + Int(page) - 1) / Int(page) * Int(page)
  }

  /// Reads `| page N offset O` or `| O: HH HH …`.
  private mutating func take(_ line: [UInt8]) {
    var scanner = FormatScanner(line)
    if scanner.skip("| page "), scanner.number() != nil, scanner.skip(" offset "),
      let offset = scanner.number()
    {
      pageOffset = Int(offset)
      return
    }
    scanner = FormatScanner(line)
    guard scanner.skip("| "), let offset = scanner.number(), scanner.skip(":") else { return }
    var bytes: [UInt8] = []
    while bytes.count < 16, let byte = scanner.number(radix: 16) {
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    let at = pageOffset + Int(offset)
    guard bytes.count == 16, at >= 0, at <= content.count - 16 else { return }
    content.replaceSubrange(at..<at + 16, with: bytes)
  }
}
