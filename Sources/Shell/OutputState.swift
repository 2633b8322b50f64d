package import Bytes
internal import Files
package import Render

/// The destination of output, and the form of rows.
package final class OutputState {
  package var options = RenderOptions()
  /// The current output of results and texts.
  package private(set) var sink: Sink
  /// How control characters are shown, if this was chosen; otherwise a terminal gets none.
  package var escapeChoice: ControlEscape? { didSet { terminalFilter.escape = escapeChoice ?? .ascii } }
  private let terminalFilter: TerminalFilter
  /// How rows show control characters now.
  var controlEscape: ControlEscape { escapeChoice ?? (goesToTerminal ? .ascii : .off) }
  /// The name in `.show`.
  package private(set) var targetName = "stdout"
  /// The number of input groups until output returns to stdout; 0 if it stays.
  package var groupsLeft = 0
  /// Mode and separators to restore after a spreadsheet was written.
  var savedOptions: RenderOptions?
  /// The file to show when output ends, and the program that shows it.
  var pending: (file: String, command: String)?
  /// The end of such a file.
  private var closing = ""
  let standard: Sink
  private let standardIsTerminal = ProcessEnvironment.isTerminal(StreamWriter.standardOutput)
  private var pipe: PipeCommand?
  /// Counts the bytes of the file that output goes to; nil if it goes elsewhere.
  private(set) var fileCounter: ByteCounter?

  /// Makes the output.
  ///
  /// `hideBar` is called before anything goes to a terminal.
  init(hidingFirst hideBar: @escaping () -> Void = {}) {
    let writer = StreamWriter(descriptor: StreamWriter.standardOutput)
    let filter = TerminalFilter()
    terminalFilter = filter
    // On a terminal rows appear one by one, when they are found.
    standard =
      standardIsTerminal
      ? Sink(limit: 1) {
        hideBar()
        if filter.isOn { filter.escape.apply(to: $0) }
        return Self.write($0, writer)
      } : Sink { Self.write($0, writer) }
    sink = standard
  }

  /// Passes bytes on; returns false if no reader will ever read them.
  ///
  /// A full device does not stop a statement, which may do more than show rows.
  private static func write(_ buffer: ByteBuffer, _ writer: StreamWriter) -> Bool {
    writer.write(buffer) || !writer.isCutOff
  }

  /// Whether output went to a closed pipe, which ends the program.
  package var isCutOff: Bool { wasCutOff || sink.hasFailed || standard.hasFailed }
  private var wasCutOff = false

  /// Returns to standard output from a pipe without a reader; false if standard output itself is
  /// closed.
  func leavePipe() -> Bool {
    guard !standard.hasFailed else { return false }
    reset()
    wasCutOff = false
    return true
  }

  /// Writes a text as it is.
  package func write(_ text: String) { sink.buffer.append(text) }

  /// Writes all of a buffer.
  package func write(_ buffer: ByteBuffer) {
    sink.buffer.append(buffer)
    sink.rowEnded()
  }

  /// Writes bytes as they are.
  package func write(_ bytes: [UInt8]) { sink.buffer.append(bytes) }

  /// Writes a line.
  package func print(_ line: String) {
    sink.buffer.append(line)
    sink.buffer.append(10)
  }

  /// Writes a line with outside text, and escapes control characters for a terminal.
  package func tell(_ line: String) { print(line.escapingControls()) }

  /// Whether output goes to a terminal now.
  package var goesToTerminal: Bool { sink === standard && standardIsTerminal }

  /// Writes the shell's own or typed text to a terminal, with its control characters.
  package func withControls(_ body: () -> Void) {
    guard goesToTerminal else { return body() }
    sink.flush()
    terminalFilter.isOn = false
    body()
    sink.flush()
    terminalFilter.isOn = true
  }

  /// Passes on everything that was buffered.
  package func flush() {
    sink.flush()
    if sink !== standard { standard.flush() }
  }

  func flushBeforeErrors() {
    if standardIsTerminal { standard.flush() }
    if targetName == "stderr" { sink.flush() }
  }

  /// Whether results go to the terminal.
  package var isTerminal: Bool { sink === standard && standardIsTerminal }

  /// Writes to standard output, also if results go elsewhere.
  package func printToStandardOutput(_ line: String) {
    standard.buffer.append(line)
    standard.buffer.append(10)
  }

  /// Writes a text to standard output, also if results go elsewhere.
  package func writeToStandardOutput(_ text: String) { standard.buffer.append(text) }

  // MARK: Directing

  /// Ends the current file or pipe, and returns to standard output.
  package func reset() {
    if !closing.isEmpty { write(closing) }
    closing = ""
    flush()
    wasCutOff = isCutOff
    sink = standard
    fileCounter = nil
    targetName = "stdout"
    pipe?.finish()
    pipe = nil
    if let pending {
      self.pending = nil
      if ProcessEnvironment.run("\(pending.command) \(pending.file)") != 0 {
        complaint = "Failed: [\(pending.command) \(pending.file)]"
      }
      temporaryFile = pending.file
      if let savedOptions { options = savedOptions }
      savedOptions = nil
    }
  }

  /// The error of showing a file, for standard error.
  package var complaint: String?
  private var temporaryFile: String?

  /// Deletes the file that was last shown.
  package func deleteTemporaryFile() {
    if let temporaryFile { ProcessEnvironment.delete(temporaryFile) }
    temporaryFile = nil
  }

  /// Sends output to a file.
  ///
  /// Returns false, and drops output, if it cannot be opened.
  package func redirect(toFile path: String) -> Bool {
    guard let writer = StreamWriter(path: path) else { return false }
    let counter = ByteCounter()
    writer.counter = counter
    fileCounter = counter
    sink = Sink { Self.write($0, writer) }
    targetName = path
    return true
  }

  /// Sends output to a shell command; false if it cannot be started.
  package func redirect(toCommand command: String) -> Bool {
    guard let pipe = PipeCommand(command, .toCommand) else { return false }
    let writer = StreamWriter(descriptor: pipe.descriptor)
    self.pipe = pipe
    sink = Sink { Self.write($0, writer) }
    targetName = "|" + command
    return true
  }

  /// Drops all output.
  package func discard() {
    sink = Sink { _ in true }
    targetName = "off"
  }

  /// Sends output to the standard error stream.
  package func redirectToStandardError() {
    let writer = StreamWriter(descriptor: StreamWriter.standardError)
    sink = Sink { Self.write($0, writer) }
    targetName = "stderr"
  }

  /// Sends output to a temporary file that `command` shows when output ends.
  package func redirect(toTemporary suffix: String, shownBy command: String, closing: String = "") -> Bool {
    let file = ProcessEnvironment.temporaryFile(suffix: suffix)
    guard redirect(toFile: file) else { return false }
    pending = (file, command)
    self.closing = closing
    return true
  }

  /// Deletes the file that would be shown when output ends.
  func forgetPending() {
    if let pending { ProcessEnvironment.delete(pending.file) }
    pending = nil
  }

  /// Keeps the current options to restore them when output ends.
  package func saveOptions() { savedOptions = options }

  func close() {
    reset()
    deleteTemporaryFile()
  }
}

/// Removes control characters for a terminal.
private final class TerminalFilter {
  var escape = ControlEscape.ascii
  var isOn = true
}
