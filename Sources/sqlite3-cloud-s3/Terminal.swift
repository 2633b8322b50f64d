internal import Bytes
internal import Files
internal import LineReader
internal import Shell

/// The terminal of the session, through readline.
final class Terminal: TerminalInput {
  private let reader: LineReader
  private let input: InputState
  private let colours = TypedColours()
  private let output: OutputState

  init(_ session: Session) {
    let file = Self.historyFile
    reader = LineReader(name: "sqlite3-cloud-s3", historyFile: file) { [weak session] word, line, start in
      guard let session else { return [] }
      return Completions(session).candidates(word, in: line, from: start)
    }
    input = session.input
    output = session.output
    if TypedColours.areShown { reader.use(colours.forReader(input)) }
  }

  /// The history file: `SQLITE_HISTORY`, or a file in the folder `XDG_STATE_HOME` unless there is
  /// one at home already.
  private static var historyFile: String? {
    if let file = ProcessEnvironment.variable("SQLITE_HISTORY") { return file }
    let atHome = ProcessEnvironment.homeDirectory.map { $0 + "/.sqlite_history" }
    guard let folder = ProcessEnvironment.variable("XDG_STATE_HOME"), folder.hasPrefix("/"),
      atHome.map({ !ProcessEnvironment.exists($0) }) ?? true
    else { return atHome }
    return folder + "/sqlite_history"
  }

  /// Keeps lines out of the history file if `keeps` is false for them.
  func keepInHistory(where keeps: @escaping ([UInt8]) -> Bool) { reader.keeps = keeps }

  func saveHistory() { reader.saveHistory() }

  func readLine(prompt: String, to buffer: ByteBuffer) -> LineResult {
    colours.follow(buffer)
    switch reader.readLine(prompt: prompt, isContinuation: !buffer.isEmpty) {
    case .line(let line):
      input.forgetInterrupt()
      buffer.append(line)
      return .line
    case .interrupted(let hadText):
      if !hadText, buffer.isEmpty { output.printToStandardOutput("Type .exit or press Ctrl-D to leave.") }
      return .interrupted
    case .end: return .end
    }
  }
}
