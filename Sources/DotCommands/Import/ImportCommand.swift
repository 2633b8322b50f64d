internal import Bytes
internal import Files
internal import Render
internal import Shell

/// `.import`: reads delimited text into a table.
struct ImportCommand: DotCommand {
  static let spec = CommandSpec(
    name: "import", shortest: 1, usage: "FILE TABLE", summary: "Import data from FILE into TABLE",
    details: [
      "   Options:",
      "     --ascii               Use \\037 and \\036 as column and row separators",
      "     --csv                 Use , and \\n as column and row separators",
      "     --skip N              Skip the first N rows of input",
      "     --schema S            Target table to be S.TABLE",
      "     -v                    \"Verbose\" - increase auxiliary output",
      "   Notes:",
      "     *  If TABLE does not exist, it is created.  The first row of input",
      "        determines the column names.",
      "     *  If neither --csv or --ascii are used, the input mode is derived",
      "        from the \".mode\" output mode",
      "     *  If FILE begins with \"|\" then it is a command that generates the",
      "        input text.",
    ], isSafe: false)

  /// How the text is divided, if an option sets it.
  private enum Format { case csv, ascii }

  private var file: String?
  private var table: String?
  private var schema: String?
  private var skip: Int64 = 0
  private var verbosity = 0
  private var format: Format?
  /// The error of the arguments, printed on standard output before the help text.
  private var complaint: String?

  init(parsing words: inout Words) throws(CommandError) {
    while complaint == nil, let word = words.optional() {
      let option = word.hasPrefix("--") ? String(word.dropFirst()) : word
      switch option {
      case _ where !option.hasPrefix("-"):
        if file == nil {
          file = option
        } else if table == nil {
          table = option
        } else {
          complaint = "ERROR: extra argument: \"\(option)\".  Usage:"
        }
      case "-v": verbosity += 1
      case "-schema" where !words.isEmpty: schema = words.optional()
      case "-skip" where !words.isEmpty: skip = Numbers.integer(words.optional() ?? "")
      case "-ascii": format = .ascii
      case "-csv": format = .csv
      default: complaint = "ERROR: unknown option: \"\(option)\".  Usage:"
      }
    }
    if complaint == nil && table == nil {
      complaint = "ERROR: missing \(file == nil ? "FILE" : "TABLE") argument. Usage:"
    }
  }

  func run(in session: Session) throws {
    guard complaint == nil, let file, let table else {
      for line in [complaint ?? ""] + Self.spec.lines { session.output.print(line) }
      throw CommandError.silent
    }
    let connection = try session.connection
    let separators = try separators(session.output.options)
    // Reading CSV by its last byte changes how it is written from then on.
    let options = session.output.options
    if format == nil && options.mode == .csv && options.rowSeparator == [0x0d, 0x0a] {
      session.output.options.rowSeparator = [0x0a]
    }
    let pipe: PipeCommand?
    let reader: StreamReader?
    if file.hasPrefix("|") {
      pipe = PipeCommand(String(file.dropFirst()), .fromCommand)
      reader = pipe.map { StreamReader(descriptor: $0.descriptor) }
    } else {
      pipe = nil
      // A folder can be opened, but cannot be read.
      let isFolder = (try? FileInfo.of(file))?.isFolder == true
      reader = StreamReader(path: isFolder ? "/dev/null" : file)
    }
    defer { pipe?.finish() }
    guard let reader else { throw CommandError.message("Error: cannot open \"\(file)\"") }
    if verbosity >= 2 || (verbosity >= 1 && format == nil) {
      session.output.print(
        "Column separator \(Self.shown(separators.column)), row separator \(Self.shown(separators.row))")
    }
    let name = pipe == nil ? file : "<pipe>"
    let fields = FieldReader(
      reader, column: separators.column, row: separators.row, knowsQuotes: separators.knowsQuotes
    ) { flaw in
      switch flaw {
      case .unescapedQuote(let line): session.errors.print("\(name):\(line): unescaped \" character")
      case .unterminated(let line): session.errors.print("\(name):\(line): unterminated \"-quoted field")
      }
    }
    let target = TableImport.Target(table: table, schema: schema)
    let job = TableImport(
      fields, named: name, skipsEmptyRows: session.output.options.mode == .ascii, verbosity: verbosity,
      session: session)
    let counter = ByteCounter()
    reader.counter = counter
    let size = pipe == nil ? (try? FileInfo.of(file))?.size : nil
    try session.progress.during("import", when: session.isInteractive, { (counter.bytes, size) }) {
      try job.run(into: target, of: connection, skipping: skip)
    }
  }

  private struct Separators {
    let column: UInt8
    let row: UInt8
    let knowsQuotes: Bool
  }

  private func separators(_ options: RenderOptions) throws(CommandError) -> Separators {
    switch format {
    case .csv: return Separators(column: 0x2c, row: 0x0a, knowsQuotes: true)
    case .ascii: return Separators(column: 0x1f, row: 0x1e, knowsQuotes: false)
    case nil: break
    }
    guard let column = options.columnSeparator.first else {
      throw .message("Error: non-null column separator required for import")
    }
    if options.columnSeparator.count > 1 {
      throw .message("Error: multi-character column separators not allowed for import")
    }
    var rows = options.rowSeparator
    // Text of `.mode csv` is read by its last byte.
    if options.mode == .csv && rows == [0x0d, 0x0a] { rows = [0x0a] }
    guard let row = rows.first else { throw .message("Error: non-null row separator required for import") }
    if rows.count > 1 { throw .message("Error: multi-character row separators not allowed for import") }
    return Separators(column: column, row: row, knowsQuotes: options.mode != .ascii)
  }

  /// Returns a separator as a C string constant.
  private static func shown(_ separator: UInt8) -> String {
    let text = ByteBuffer(capacity: 64)
    text.append([separator], as: .cString)
    return text.string
  }
}
