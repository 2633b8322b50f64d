internal import Files
internal import Shell

/// `.cd`: changes the working directory.
struct CdCommand: DotCommand {
  static let spec = CommandSpec(
    name: "cd", shortest: 2, usage: "DIRECTORY", summary: "Change the working directory to DIRECTORY",
    isSafe: false)
  private let directory: String
  init(parsing words: inout Words) throws(CommandError) {
    directory = try words.required()
    try words.finish()
  }
  func run(in session: Session) throws {
    guard ProcessEnvironment.changeDirectory(directory) else {
      throw CommandError.message("Cannot change to directory \"\(directory)\"")
    }
  }
}
