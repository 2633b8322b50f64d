internal import Render
internal import SQLite
internal import Shell

/// `.mode`: chooses how rows are written.
struct ModeCommand: DotCommand {
  static let spec = CommandSpec(
    name: "mode", shortest: 1, usage: "MODE ?OPTIONS?", summary: "Set output mode",
    details: [
      "   MODE is one of:",
      "     ascii       Columns/rows delimited by 0x1F and 0x1E",
      "     box         Tables using unicode box-drawing characters",
      "     csv         Comma-separated values",
      "     column      Output in columns.  (See .width)",
      "     html        HTML <table> code",
      "     insert      SQL insert statements for TABLE",
      "     json        Results in a JSON array",
      "     line        One value per line",
      "     list        Values delimited by \"|\"",
      "     markdown    Markdown table format",
      "     qbox        Shorthand for \"box --wrap 60 --quote\"",
      "     quote       Escape answers as for SQL",
      "     table       ASCII-art table",
      "     tabs        Tab-separated values",
      "     tcl         TCL list elements",
      "   OPTIONS: (for columnar modes or insert mode):",
      "     --wrap N       Wrap output lines to no longer than N characters",
      "     --wordwrap B   Wrap or not at word boundaries per B (on/off)",
      "     --ww           Shorthand for \"--wordwrap 1\"",
      "     --quote        Quote output text as SQL literals",
      "     --noquote      Do not quote output text",
      "     TABLE          The name of SQL table used for \"insert\" mode",
    ])
  private var name: String?
  private var table: String?
  private var style: ColumnStyle?
  private var escape: ControlEscape?

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      switch word {
      case "-wrap" where !words.isEmpty, "--wrap" where !words.isEmpty:
        change { $0.wrap = Int(Int32(truncatingIfNeeded: Numbers.integer(words.optional() ?? ""))) }
      case "-ww", "--ww": change { $0.wordWrap = true }
      case "-wordwrap" where !words.isEmpty, "--wordwrap" where !words.isEmpty:
        let isOn = words.boolean(from: words.optional() ?? "")
        change { $0.wordWrap = isOn }
      case "-escape" where !words.isEmpty, "--escape" where !words.isEmpty:
        guard let choice = ControlEscape(rawValue: words.optional() ?? "") else {
          throw .message("choose how control characters are shown: --escape takes ascii, symbol or off")
        }
        escape = choice
      case "-quote", "--quote": change { $0.quote = true }
      case "-noquote", "--noquote": change { $0.quote = false }
      default: try take(word)
      }
    }
  }

  private mutating func change(_ body: (inout ColumnStyle) -> Void) {
    var changed = style ?? .chosenByMode
    body(&changed)
    style = changed
  }

  private mutating func take(_ word: String) throws(CommandError) {
    if name == nil {
      name = word
      if word == "qbox" { style = ColumnStyle(wrap: 60, quote: true) }
    } else if table == nil {
      table = word
    } else if word.hasPrefix("-") {
      throw .message(
        "unknown option: \(word)\noptions:\n  --noquote\n  --quote\n  --wordwrap on/off\n  --wrap N\n  --ww")
    } else {
      throw .message("extra argument: \"\(word)\"")
    }
  }

  func run(in session: Session) throws {
    var options = session.output.options
    defer { session.output.options = options }
    if let escape {
      session.output.escapeChoice = escape
      // Alone it changes nothing else.
      if name == nil, style == nil { return }
    }
    if name == nil { session.output.print("current output mode: \(describe(options))") }
    // The question sets the current mode again, with everything that this resets.
    let name = name ?? options.mode.rawValue
    guard let mode = OutputMode.allCases.first(where: { $0.answers(to: name) }) else {
      throw CommandError.message(
        "Error: mode should be one of: ascii box column csv html insert json line list markdown qbox quote table"
          + " tabs tcl")
    }
    mode.adjust(&options)
    if mode.isColumnar, let style { options.style = style }
    if mode == .insert, let table { options.insertTable = table }
    session.settings.modeBeforeExplain = options.mode
  }

  private func describe(_ options: RenderOptions) -> String {
    guard options.mode.isColumnar else { return options.mode.rawValue }
    let style = options.style
    return "\(options.mode.rawValue) --wrap \(style.wrap) --wordwrap \(style.wordWrap ? "on" : "off")"
      + " --\(style.quote ? "" : "no")quote"
  }
}

extension OutputMode {
  /// Returns whether a typed word names this mode.
  fileprivate func answers(to word: String) -> Bool {
    switch self {
    case .line, .column: "\(rawValue)s".utf8.starts(with: word.utf8)
    case .qbox: rawValue == word
    case .explain, .queryPlan: false
    default: rawValue.utf8.starts(with: word.utf8)
    }
  }
}
