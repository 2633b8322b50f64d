internal import SQLite
internal import Shell

/// `.load`: loads an extension library.
struct LoadCommand: DotCommand {
  static let spec = CommandSpec(
    name: "load", shortest: 1, usage: "FILE ?ENTRY?", summary: "Load an extension library",
    correction: ".load FILE ?ENTRYPOINT?", isSafe: false)
  private let file: String
  private let entryPoint: String?
  init(parsing words: inout Words) throws(CommandError) {
    file = try words.required()
    entryPoint = words.optional()
  }
  func run(in session: Session) throws { try session.connection.loadExtension(file, entryPoint: entryPoint) }
}
