internal import Shell

/// `.output`: sends output to a file, a command or standard output.
struct OutputCommand: DotCommand {
  static let spec = CommandSpec(
    name: "output", shortest: 2, usage: "?FILE?", summary: "Send output to FILE or stdout if FILE is omitted",
    details: [
      "   If FILE begins with '|' then open it as a pipe.",
      "   Options:",
      "     --bom                 Prefix output with a UTF8 byte-order mark",
      "     -e                    Send output to the system text editor",
      "     -x                    Send output as CSV to a spreadsheet",
    ], isSafe: false, isNamedAsTyped: true)
  private var redirection: Redirection
  init(parsing words: inout Words) throws(CommandError) {
    redirection = Redirection(&words, Self.spec, .output)
  }
  func run(in session: Session) throws { try redirection.run(in: session) }
}

/// `.once`: sends the output of the next input group or command elsewhere.
struct OnceCommand: DotCommand {
  static let spec = CommandSpec(
    name: "once", shortest: 1, usage: "?OPTIONS? ?FILE?",
    summary: "Output for the next SQL command only to FILE",
    details: [
      "     If FILE begins with '|' then open as a pipe",
      "       --bom  Put a UTF8 byte-order mark at the beginning",
      "       -e     Send output to the system text editor",
      "       -x     Send output as CSV to a spreadsheet (same as \".excel\")",
    ], isSafe: false, isNamedAsTyped: true)
  private var redirection: Redirection
  init(parsing words: inout Words) throws(CommandError) {
    redirection = Redirection(&words, Self.spec, .once)
  }
  func run(in session: Session) throws { try redirection.run(in: session) }
}

/// `.www`: shows the output of the next input group in a browser.
struct BrowserCommand: DotCommand {
  static let spec = CommandSpec(
    name: "www", shortest: 3, summary: "Display the output of the next command in a web browser",
    details: ["   --plain                 Show the output as plain text"], isLater: true, isSafe: false)
  private var redirection: Redirection
  init(parsing words: inout Words) throws(CommandError) {
    redirection = Redirection(&words, Self.spec, .browser)
  }
  func run(in session: Session) throws { try redirection.run(in: session) }
}

/// `.excel`: shows the output of the next input group in a spreadsheet.
struct ExcelCommand: DotCommand {
  static let spec = CommandSpec(
    name: "excel", shortest: 5, summary: "Display the output of next command in spreadsheet",
    details: ["   --bom                   Put a UTF8 byte-order mark on intermediate file"], isSafe: false)
  private var redirection: Redirection
  init(parsing words: inout Words) throws(CommandError) {
    redirection = Redirection(&words, Self.spec, .excel)
  }
  func run(in session: Session) throws { try redirection.run(in: session) }
}
