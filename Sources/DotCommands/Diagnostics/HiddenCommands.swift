internal import Shell

// Commands that sqlite3 does not list.
//
// They are for its developers and do nothing here, but their names take precedence over prefixes of
// others.

/// A function for a debugger's breakpoint.
struct BreakpointCommand: DotCommand {
  static let spec = CommandSpec(name: "breakpoint", shortest: 3, isHidden: true)
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) {}
}

/// Tracing of the query planner, which release builds of SQLite leave out.
struct WheretraceCommand: DotCommand {
  static let spec = CommandSpec(name: "wheretrace", shortest: 1, isHidden: true)
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) {}
}

/// Tracing of syntax trees, which release builds of SQLite leave out.
struct TreetraceCommand: DotCommand {
  static let spec = CommandSpec(
    name: "treetrace", shortest: 9, isHidden: true)
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) {}
}

/// The old name of `.treetrace`.
struct SelecttraceCommand: DotCommand {
  static let spec = CommandSpec(name: "selecttrace", shortest: 11, isHidden: true)
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) {}
}
