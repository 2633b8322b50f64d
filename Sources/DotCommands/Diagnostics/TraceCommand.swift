internal import Bytes
internal import Files
internal import SQLite
internal import Shell

/// `.trace`: writes each statement that runs.
struct TraceCommand: DotCommand {
  static let spec = CommandSpec(
    name: "trace", shortest: 1, usage: "?OPTIONS?", summary: "Output each SQL statement as it is run",
    details: [
      "    FILE                    Send output to FILE",
      "    stdout                  Send output to stdout",
      "    stderr                  Send output to stderr",
      "    off                     Disable tracing",
      "    --expanded              Expand query parameters",
      "    --plain                 Show SQL as it is input",
      "    --stmt                  Trace statement execution (SQLITE_TRACE_STMT)",
      "    --profile               Profile statements (SQLITE_TRACE_PROFILE)",
      "    --row                   Trace each row (SQLITE_TRACE_ROW)",
      "    --close                 Trace connection close (SQLITE_TRACE_CLOSE)",
    ])
  private var mask: TraceMask = []
  private var expands: Bool?
  /// The first word, once for each word that is not an option: it names the file in any case.
  private var targets: [String] = []
  private var unknown: String?

  init(parsing words: inout Words) throws(CommandError) {
    let first = words.peek
    while let word = words.optional() {
      guard word.hasPrefix("-") else {
        targets.append(Dialect.current.tracesInAnyOrder ? word : first ?? word)
        continue
      }
      switch word.drop(while: { $0 == "-" }) {
      case "expanded": expands = true
      case "plain": expands = false
      case "profile": mask.insert(.profile)
      case "row": mask.insert(.row)
      case "stmt": mask.insert(.statement)
      case "close": mask.insert(.close)
      default:
        unknown = word
        return
      }
    }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    if let expands { session.settings.trace.expands = expands }
    for target in targets { session.settings.trace.write = Self.writer(target, session) }
    if let unknown { throw CommandError.message("Unknown option \"\(unknown)\" on \".trace\"") }
    guard let write = session.settings.trace.write else {
      connection.setTrace([], nil)
      return
    }
    let expands = session.settings.trace.expands
    connection.setTrace(mask.isEmpty ? .statement : mask) { event in
      switch event {
      case .statement(let sql, let expanded): write(Self.line(expands ? expanded ?? sql : sql) + "\n")
      case .row(let sql): write(Self.line(sql) + "\n")
      case .profile(let sql, let expanded, let time):
        write(Self.line(expands ? expanded ?? sql : sql) + " -- \(time) ns\n")
      case .close: write("-- closing database connection\n")
      }
    }
  }

  /// Returns the text with one semicolon at its end.
  private static func line(_ sql: String) -> String {
    var bytes = Array(sql.utf8)
    while bytes.last == UInt8(ascii: ";") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self) + ";"
  }

  private static func writer(_ target: String, _ session: Session) -> ((String) -> Void)? {
    switch target {
    case "off": return nil
    case "stdout": return { [weak session] in session?.output.writeToStandardOutput($0) }
    case "stderr": return { [weak session] in session?.errors.write($0) }
    default:
      guard let writer = StreamWriter(path: target) else {
        session.errors.print("Error: cannot open \"\(target)\"")
        return nil
      }
      let file = TraceFile(writer)
      return { file.write($0) }
    }
  }
}

/// A file for lines of a trace; complete when nothing traces into it any more.
private final class TraceFile {
  /// Bytes that are written at once.
  private static let blockSize = 4096

  private let writer: StreamWriter
  private let buffer = ByteBuffer()

  init(_ writer: StreamWriter) { self.writer = writer }

  func write(_ text: String) {
    buffer.append(text.preservedBytes)
    if buffer.count >= Self.blockSize { flush() }
  }

  private func flush() {
    _ = writer.write(buffer)
    buffer.removeAll()
  }

  deinit { flush() }
}
