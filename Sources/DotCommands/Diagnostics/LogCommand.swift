internal import Files
internal import SQLite
internal import Shell

/// `.log`: writes SQLite's own error log.
struct LogCommand: DotCommand {
  static let spec = CommandSpec(
    name: "log", shortest: 3, usage: Dialect.current.allowsLogInSafeMode ? "FILE|on|off" : "FILE|off",
    summary: "Turn logging on or off.  FILE can be stderr/stdout",
    correction: ".log FILENAME", isSafe: Dialect.current.allowsLogInSafeMode)
  private let file: String
  init(parsing words: inout Words) throws(CommandError) {
    file = try words.required()
    try words.finish()
  }
  func run(in session: Session) throws {
    if session.settings.isSafe, file != "on", file != "off" {
      session.output.writeToStandardOutput("cannot set .log to anything other than \"on\" or \"off\"\n")
      return
    }
    switch file {
    case "on" where Dialect.current.allowsLogInSafeMode:
      let descriptor = StreamWriter.standardOutput
      ErrorLog.receive { code, message in
        StreamWriter(descriptor: descriptor).write("(\(code)) \(message)\n")
      }
    case "off": ErrorLog.receive(nil)
    case "stdout", "stderr":
      let descriptor = file == "stdout" ? StreamWriter.standardOutput : StreamWriter.standardError
      ErrorLog.receive { code, message in StreamWriter(descriptor: descriptor).write("(\(code)) \(message)\n")
      }
    default:
      guard StreamWriter(path: file) != nil else {
        session.errors.print("Error: cannot open \"\(file)\"")
        return ErrorLog.receive(nil)
      }
      let file = file
      ErrorLog.receive { code, message in
        StreamWriter(path: file, appending: true)?.write("(\(code)) \(message)\n")
      }
    }
  }
}
