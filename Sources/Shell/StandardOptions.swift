internal import Bytes
internal import Render
internal import SQLite

/// Options of sqlite3, in the order of its `-help`.
enum StandardOptions {
  typealias Option = CommandLineOption

  static func all(_ dialect: Dialect = .current) -> [Option] {
    ([
      dialect.endsOptionsWithDashes
        ? Option("-", help: "treat no subsequent arguments as options", shownAs: "-") : nil,
      Option("A", help: "run \".archive ARGS\" and exit", shownAs: "A ARGS...", late: archive),
      Option("append", help: "append the database to the end of the file", early: manner(.appended)),
      style("ascii", "set output mode to 'ascii'") {
        $0.mode = .ascii
        $0.setSeparators("\u{1f}", "\u{1e}")
      },
      Option("bail", help: "stop after hitting an error", early: bail, late: bail),
      Option(
        "batch", help: "force batch I/O", early: batch, late: batch),
      style("box", "set output mode to 'box'") { $0.mode = .box },
      style("column", "set output mode to 'column'") { $0.mode = .column },
      Option(
        "cmd", ["COMMAND"], help: "run \"COMMAND\" before reading stdin",
        late: { try $0.runEarlyCommand($1[0]) }),
      style("csv", "set output mode to 'csv'") {
        $0.mode = .csv
        $0.columnSeparator = Array(",".utf8)
      },
      Option(
        "deserialize", help: "open the database using sqlite3_deserialize()", early: manner(.copied)),
      setting("echo", "print inputs before execution") { $0.echo = true },
      Option("init", ["FILENAME"], help: "read/process named file", early: { $0.initFile = $1[0] }),
      style("header", "turn headers on or off", shownAs: "[no]header") {
        $0.headers = true
        $0.headersWereSet = true
      },
      style("noheader", nil) {
        $0.headers = false
        $0.headersWereSet = true
      },
      Option("help", help: "show this message", late: help),
      style("html", "set output mode to HTML") { $0.mode = .html },
      Option("interactive", help: "force interactive I/O", late: interactive),
      style("json", "set output mode to 'json'") { $0.mode = .json },
      style("line", "set output mode to 'line'") { $0.mode = .line },
      style("list", "set output mode to 'list'") { $0.mode = .list },
      Option(
        "lookaside", ["SIZE", "N"], help: "use N entries of SZ bytes for lookaside memory",
        early: { LibraryOptions.setLookaside(size: number($1[0]), count: number($1[1])) }),
      style("markdown", "set output mode to 'markdown'") { $0.mode = .markdown },
      Option(
        "maxsize", ["N"], help: "maximum size for a --deserialize database", isUnknownAtTheEnd: true,
        early: { $0.session.database.greatestSize = Numbers.integer($1[0]) }),
      Option(
        "memtrace", help: "trace all memory allocations and deallocations", lateSkip: 1,
        early: { _, _ in LibraryOptions.traceMemory() }),
      Option(
        "mmap", ["N"], help: "default mmap size set to N",
        early: { LibraryOptions.setMemoryMap(Numbers.integer($1[0])) }),
      Option(
        "newline", ["SEP"], help: "set output row separator. Default: '\\n'",
        late: { $0.session.output.options.rowSeparator = $1[0].preservedBytes }),
      Option(
        "nofollow", help: "refuse to open symbolic links to database files",
        early: { launch, _ in launch.session.database.refusesLinks = true }),
      Option(
        "nonce", ["STRING"], help: "set the safe-mode escape nonce", lateSkip: 2,
        early: { $0.session.settings.nonce = $1[0] }),
      dialect.hidesRowIDsOfViews
        ? Option(
          "no-rowid-in-view", help: "Disable rowid-in-view using sqlite3_config()",
          early: { _, _ in LibraryOptions.hideRowIDsOfViews() }) : nil,
      Option(
        "nullvalue", ["TEXT"], help: "set text string for NULL values. Default ''",
        late: { $0.session.output.options.nullValue = $1[0].preservedBytes }),
      Option(
        "pagecache", ["SIZE", "N"], help: "use N slots of SZ bytes each for page cache memory",
        early: { LibraryOptions.setPageCache(size: number($1[0]), count: number($1[1])) }),
      dialect.tracesPageCache
        ? Option(
          "pcachetrace", help: "trace all page cache operations",
          early: { _, _ in LibraryOptions.tracePageCache() }) : nil,
      style("quote", "set output mode to 'quote'") {
        $0.mode = .quote
        $0.setSeparators(",", "\n")
      },
      Option(
        "readonly", help: "open the database read-only",
        early: manner(.readOnly)),
      Option("safe", help: "enable safe-mode", late: safe),
      Option(
        "separator", ["SEP"], help: "set output column separator. Default: '|'",
        late: { $0.session.output.options.columnSeparator = $1[0].preservedBytes }),
      setting("stats", "print memory stats before each finalize") { $0.stats = .on },
      style("table", "set output mode to 'table'") { $0.mode = .table },
      style("tabs", "set output mode to 'tabs'") {
        $0.mode = .list
        $0.setSeparators("\t", "\n")
      },
      dialect.hidesUnsafeTests
        ? Option(
          "unsafe-testing", help: "allow unsafe commands and modes for testing",
          early: { launch, _ in launch.session.settings.allowsUnsafeTests = true }) : nil,
      Option("version", help: "show SQLite version", late: version),
      Option("vfs", ["NAME"], help: "use NAME as the default VFS", early: vfs),
      Option("zip", help: "open the file as a ZIP Archive", early: manner(.zip)),
    ] as [Option?]).compactMap { $0 } + undocumented
  }

  private static var undocumented: [Option] {
    [
      setting("eqp", nil) { $0.queryPlan = .on },
      setting("eqpfull", nil) { $0.queryPlan = .full },
      setting("scanstats", nil) { $0.scanStatus = true },
      setting("backslash", nil) { $0.backslash = true },
      Option("heap", ["SIZE"]),
      Option(
        "threadsafe", ["N"], lateSkip: 2, early: { LibraryOptions.setThreading(number($1[0])) }),
    ]
  }

  /// Options of a later sqlite3 than any known dialect.
  static var later: [Option] {
    [
      Option(
        "escape", ["ascii|symbol|off"], help: "how control characters in results are shown",
        late: { launch, arguments in
          guard let choice = ControlEscape(rawValue: arguments[0]) else {
            launch.fail("Error: -escape takes ascii, symbol or off")
            throw SessionExit(code: 1)
          }
          launch.session.output.escapeChoice = choice
        }),
      Option(
        "ifexists", help: "only open if database already exists",
        early: { launch, _ in launch.session.database.needsFile = true }),
      Option(
        "noinit", help: "do not read the start-up file",
        early: { launch, _ in launch.readsNoInitFile = true }),
    ]
  }

  // MARK: Kinds of options

  private static func style(
    _ name: String, _ help: String?, shownAs: String? = nil, _ change: @escaping (inout RenderOptions) -> Void
  ) -> Option {
    Option(name, help: help, shownAs: shownAs, late: { launch, _ in change(&launch.session.output.options) })
  }

  private static func setting(
    _ name: String, _ help: String?, _ change: @escaping (inout Settings) -> Void
  ) -> Option {
    Option(name, help: help, late: { launch, _ in change(&launch.session.settings) })
  }

  private static func manner(_ manner: DatabaseSlot.Manner) -> Option.Action {
    { launch, _ in launch.session.database.manner = manner }
  }

  private static func number(_ text: String) -> Int32 { Int32(truncatingIfNeeded: Numbers.integer(text)) }

  // MARK: Actions

  private static func bail(_ launch: Launch, _: [String]) { launch.session.settings.bail = true }
  private static func batch(_ launch: Launch, _: [String]) {
    guard !launch.session.settings.staysInteractive else { return }
    launch.session.input.isInteractive = false
  }
  private static func interactive(_ launch: Launch, _: [String]) {
    launch.session.input.isInteractive = true
    launch.session.settings.staysInteractive = Dialect.current.keepsInteractive
  }

  private static func safe(_ launch: Launch, _: [String]) throws {
    launch.session.settings.isSafe = true
    if let connection = launch.session.database.openConnection { launch.session.guardSafety(of: connection) }
  }

  private static func help(_ launch: Launch, _: [String]) throws {
    launch.session.errors.print(launch.usage)
    throw SessionExit(code: Dialect.current.helpIsNoError ? 0 : 1)
  }

  private static func version(_ launch: Launch, _: [String]) throws {
    let size = Dialect.current.namesAddressSize ? " (\(Int.bitWidth)-bit)" : ""
    launch.session.output.print("\(LibraryVersion.number) \(LibraryVersion.source)\(size)")
    throw SessionExit(code: 0)
  }

  private static func vfs(_ launch: Launch, _ arguments: [String]) throws {
    guard LibraryOptions.useVFS(arguments[0]) else {
      launch.session.errors.print("no such VFS: \"\(arguments[0])\"")
      throw SessionExit(code: 1)
    }
  }

  private static func archive(_ launch: Launch, _: [String]) throws {
    let session = launch.session
    session.database.makesArchives = true
    _ = try session.connection
    // The error is printed, and the program ends with success.
    _ = try session.runCommand(named: "archive", Words(name: launch.archiveOption, launch.rest))
    launch.instead = { _ in 0 }
  }
}
