internal import SQLite
internal import Shell

/// `.timeout`: sets how long to wait for locks.
struct TimeoutCommand: DotCommand {
  static let spec = CommandSpec(
    name: "timeout", shortest: 5, usage: "MS", summary: "Try opening locked tables for MS milliseconds")
  private let milliseconds: Int32
  init(parsing words: inout Words) throws(CommandError) {
    milliseconds = Int32(truncatingIfNeeded: Numbers.integer(words.optional() ?? "0"))
  }
  func run(in session: Session) throws { try session.connection.setBusyTimeout(milliseconds: milliseconds) }
}
