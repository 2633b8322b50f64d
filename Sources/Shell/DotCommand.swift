package import SQLite

#if compiler(>=6.2)
  /// What a type must be to stand in a table of types.
  package typealias TableEntry = SendableMetatype
#else
  /// What a type must be to stand in a table of types.
  package typealias TableEntry = Any
#endif

/// One dot-command of the shell.
package protocol DotCommand: TableEntry {
  static var spec: CommandSpec { get }
  /// Whether the shells of a dialect have it; all do unless it says otherwise.
  static func isKnown(_ dialect: Dialect) -> Bool
  /// Reads the arguments; nothing is done yet.
  init(parsing words: inout Words) throws(CommandError)
  /// Does it, and prints through `session.output`.
  func run(in session: Session) throws
}

extension DotCommand {
  package static func isKnown(_ dialect: Dialect) -> Bool { true }
}
