internal import DotCommands
internal import Files
internal import Shell

/// Puts the parts together.
enum Wiring {
  static func run() -> Int32 {
    ProcessEnvironment.ignoreBrokenPipes()
    let arguments = ProcessEnvironment.arguments
    let commands = CommandTable(AllCommands.commands, extras: AllCommands.extras)
    let session = Session(programName: arguments.first ?? "sqlite3-cloud-s3", commands: commands)
    let launch = Launch(session: session)
    return launch.run(Array(arguments.dropFirst()))
  }
}
