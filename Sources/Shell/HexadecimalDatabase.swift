internal import Bytes
internal import Files

/// A database as text: lines of 16 bytes in hexadecimal, as SQLite's tool `dbtotxt` writes them.
///
/// Lines that are not understood are passed over, as are bytes outside the size that the first line tells.
struct HexadecimalDatabase {
  /// Bytes of the database.
  private(set) var content: [UInt8] = []
  private var pageOffset = 0

  /// Reads a file, or the lines that follow in the present input where there is no name.
  ///
  /// Nil, and the reason told, where there is no such text.
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
    func next() -> [Substring]? {
      let buffer = ByteBuffer()
      guard source.appendLine(to: buffer, isContinuation: true) == .line else { return nil }
      lineNumber += 1
      return buffer.string.split { $0 == " " || $0 == "\t" }
    }
    var isValid = false
    let first = next()
    // A first line that is missing counts.
    if first == nil { lineNumber += 1 }
    if let first, let size = Self.size(first) {
      isValid = true
      content = [UInt8](repeating: 0, count: size)
      while let words = next(), !Self.isEnd(words) { take(words) }
    } else if file == nil {
      while let words = next(), !Self.isEnd(words) {}
    }
    if file == nil { session.input.lineNumber = lineNumber }
    guard isValid else {
      session.errors.print("Error on line \(lineNumber) of --hexdb input")
      return nil
    }
  }

  /// Most that a text may ask for, in bytes.
  private static let greatestSize = Int(Int32.max)

  /// Reads `| size N pagesize P …`: the size in whole pages; nil where that is not what the line says.
  private static func size(_ words: [Substring]) -> Int? {
    guard words.count >= 5, words[0] == "|", words[1] == "size", words[3] == "pagesize",
      let size = Int(words[2]), let page = Int(words[4]), size >= 0, size <= greatestSize,
      page >= 512, page <= 65536, page & (page - 1) == 0
    else { return nil }
    return (size + page - 1) / page * page
  }

  private static func isEnd(_ words: [Substring]) -> Bool {
    words.count >= 2 && words[0] == "|" && words[1] == "end"
  }

  /// Takes `| page N offset O` or `| O: HH HH …`.
  private mutating func take(_ words: [Substring]) {
    guard words.count >= 5, words[0] == "|" else { return }
    if words[1] == "page", Int(words[2]) != nil, words[3] == "offset", let offset = Int(words[4]) {
      pageOffset = offset
      return
    }
    guard words.count >= 18, words[1].hasSuffix(":"), let offset = Int(words[1].dropLast()) else { return }
    let bytes = words[2..<18].compactMap { UInt32($0, radix: 16).map(UInt8.init(truncatingIfNeeded:)) }
    let at = pageOffset &+ offset
    guard bytes.count == 16, at >= 0, at <= content.count - 16 else { return }
    content.replaceSubrange(at..<at + 16, with: bytes)
  }
}
