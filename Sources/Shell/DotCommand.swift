package import SQLite

#if compiler(>=6.2)
  /// A requirement for types in a table of types.
  package typealias TableEntry = SendableMetatype
#else
  /// A requirement for types in a table of types.
  package typealias TableEntry = Any
#endif

/// One dot-command of the shell.
package protocol DotCommand: TableEntry {
  static var spec: CommandSpec { get }
  /// Returns whether the shells of a dialect have it; true by default.
  static func isKnown(_ dialect: Dialect) -> Bool
  /// Reads the arguments, and does nothing else.
  init(parsing words: inout Words) throws(CommandError)
  /// Runs the command, and prints through `session.output`.
  func run(in session: Session) throws
}

extension DotCommand {
  package static func isKnown(_ dialect: Dialect) -> Bool { true }
}
