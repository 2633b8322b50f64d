package import Bytes
internal import SQLite

/// Where input comes from just now.
package final class InputState {
  package static let deepest = 25

  package var isInteractive = false
  /// Line read last in the current file; 0 before the first and for arguments.
  package internal(set) var lineNumber = 0
  /// What is being read just now; nil for arguments.
  var source: (any LineSource)?
  /// How many files are being read inside each other.
  package internal(set) var depth = 0
  package var prompt = "sqlite> "
  package var continuationPrompt = "   ...> " {
    didSet {
      let tail = String(decoding: continuationPrompt.utf8.dropFirst(3), as: UTF8.self)
      if continuationPrompt.utf8.count > 2 { continuationTail = tail }
    }
  }
  /// What follows the first three characters of the last continuation prompt that had so many.
  private var continuationTail = "...> "
  /// What the statement that is being typed has left open.
  var open = OpenParts()
  /// The continuation prompt, with what is open.
  var fullContinuationPrompt: String {
    guard Dialect.current.showsWhatIsOpen else { return continuationPrompt }
    return open.prompt(continuationPrompt, tail: continuationTail)
  }
  /// Whether what is typed is coloured; nil for where the surroundings allow it.
  package var highlights: Bool?

  /// Whether Ctrl-C was pressed since the last call of `forgetInterrupt`.
  package var wasInterrupted: () -> Bool = { false }
  /// Whether the program was asked to end: no more input is read, and nothing more is run.
  package var isEnding: () -> Bool = { false }
  /// Called when nothing more is run, before observers end.
  package var willEnd: () -> Void = {}
  /// Forgets that Ctrl-C was pressed.
  package var forgetInterrupt: () -> Void = {}

  package init() {}
}

/// What came of asking for a line.
package enum LineResult: Sendable {
  case line
  /// What was typed was abandoned with Ctrl-C.
  case interrupted
  case end
}

/// A place lines come from.
package protocol LineSource: AnyObject {
  /// Appends the next line without its line break.
  func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult
  /// Appends at most this many bytes of the next line, its line break among them; a zero byte hides what follows it.
  func appendPiece(atMost count: Int, to buffer: ByteBuffer) -> LineResult
}

extension LineSource {
  /// A line that is typed comes as a whole.
  package func appendPiece(atMost count: Int, to buffer: ByteBuffer) -> LineResult {
    appendLine(to: buffer, isContinuation: true)
  }
}

/// A terminal that shows a prompt and gives back what was typed.
package protocol TerminalInput: AnyObject {
  /// Reads a line and appends it without its line break.
  func readLine(prompt: String, to buffer: ByteBuffer) -> LineResult
}
