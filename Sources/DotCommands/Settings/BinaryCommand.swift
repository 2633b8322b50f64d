internal import SQLite
internal import Shell

/// `.binary`: chooses binary output on systems with a difference; here there is none.
struct BinaryCommand: DotCommand {
  static let spec = CommandSpec(
    name: "binary", shortest: 3, usage: "on|off", summary: "Turn binary output on or off.  Default OFF",
    isHidden: Dialect.current.hasCRNL)
  init(parsing words: inout Words) throws(CommandError) {
    if Dialect.current.hasCRNL, words.count != 1 {
      words.warn("The \".binary\" command is deprecated. Use \".crnl\" instead.")
    }
    _ = try words.boolean()
  }
  func run(in session: Session) {}
}

/// `.crnl`: chooses line ends on systems with a difference; here there is none.
struct CRNLCommand: DotCommand {
  static let spec = CommandSpec(name: "crnl", shortest: 4, usage: "on|off", isHidden: true)
  static func isKnown(_ dialect: Dialect) -> Bool { dialect.hasCRNL }
  init(parsing words: inout Words) throws(CommandError) {
    if words.count != 1 { words.warn("The \".crnl\" is a no-op on non-Windows machines.") }
    _ = try words.boolean()
  }
  func run(in session: Session) {}
}
