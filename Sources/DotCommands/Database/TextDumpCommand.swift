internal import SQLite
internal import Shell

/// `.dbtotxt`: writes a database as hexadecimal lines, which `.open --hexdb` reads.
struct TextDumpCommand: DotCommand {
  static let spec = CommandSpec(
    name: "dbtotxt", shortest: 7, summary: "Write the database as text for .open --hexdb", isLater: true)
  init(parsing words: inout Words) throws(CommandError) { try words.finish() }

  /// Bytes of a line.
  private static let width = 16

  func run(in session: Session) throws {
    let connection = try session.connection
    guard let content = connection.content(of: "main"),
      case .integer(let page)? = try connection.value("PRAGMA page_size")
    else { throw CommandError.message("write the database as text: it has no content") }
    let pageSize = Int(page)
    let path = session.database.name ?? ""
    let name =
      path.isEmpty || path == ":memory:"
      ? "unnamed.db" : String(path.split(separator: "/").last ?? "unnamed.db")
    session.output.print("| size \(content.count) pagesize \(pageSize) filename \(name)")
    for start in stride(from: 0, to: content.count, by: pageSize) {
      var isBegun = false
      for at in stride(from: start, to: min(start + pageSize, content.count), by: Self.width) {
        let bytes = content[at..<min(at + Self.width, content.count)]
        // Bytes that are not written are zero.
        guard bytes.contains(where: { $0 != 0 }) else { continue }
        if !isBegun { session.output.print("| page \(start / pageSize + 1) offset \(start)") }
        isBegun = true
        session.output.print(Self.line(bytes, at: at - start))
      }
    }
    session.output.print("| end \(name)")
  }

  private static func line(_ bytes: ArraySlice<UInt8>, at offset: Int) -> String {
    let number = String(offset)
    var line = "|  " + String(repeating: " ", count: max(0, 5 - number.utf8.count)) + number + ":"
    for byte in bytes {
      let digits = String(byte, radix: 16)
      line += digits.utf8.count < 2 ? " 0" + digits : " " + digits
    }
    line += "   "
    for byte in bytes { line.unicodeScalars.append((0x20...0x7e).contains(byte) ? UnicodeScalar(byte) : ".") }
    return line
  }
}
