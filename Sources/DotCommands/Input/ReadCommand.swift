internal import Files
internal import Shell

/// `.read`: runs the lines of a file or of a command's output.
struct ReadCommand: DotCommand {
  static let spec = CommandSpec(
    name: "read", shortest: 3, usage: "FILE", summary: "Read input from FILE or command output",
    details: ["    If FILE begins with \"|\", it is a command that generates the input."], isSafe: false)
  private let file: String
  init(parsing words: inout Words) throws(CommandError) {
    file = try words.required()
    try words.finish()
  }
  func run(in session: Session) throws {
    var errorCount = 0
    if file.hasPrefix("|") {
      guard let pipe = PipeCommand(String(file.dropFirst()), .fromCommand) else {
        throw CommandError.message("Error: cannot open \"\(file)\"")
      }
      defer { pipe.finish() }
      errorCount = try session.read(StreamLines(StreamReader(descriptor: pipe.descriptor)))
    } else {
      guard let reader = StreamReader(path: file) else {
        throw CommandError.message("Error: cannot open \"\(file)\"")
      }
      errorCount = try session.read(StreamLines(reader))
    }
    if errorCount > 0 { throw CommandError.silent }
  }
}
