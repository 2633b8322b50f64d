package import Bytes
internal import SQLite

/// The current source of input.
package final class InputState {
  package static let deepest = 25

  package var isInteractive = false
  /// The number of the last line read from the current file; 0 before the first line and for
  /// arguments.
  package internal(set) var lineNumber = 0
  /// The current source; nil for arguments.
  var source: (any LineSource)?
  /// The number of nested files.
  package internal(set) var depth = 0
  package var prompt = "sqlite> "
  package var continuationPrompt = "   ...> " {
    didSet {
      let tail = String(decoding: continuationPrompt.utf8.dropFirst(3), as: UTF8.self)
      if continuationPrompt.utf8.count > 2 { continuationTail = tail }
    }
  }
  /// The text after the first three characters of the last continuation prompt that had more.
  private var continuationTail = "...> "
  /// The open quotes, comments and parentheses of the statement being typed.
  var open = OpenParts()
  /// The continuation prompt, with the open parts.
  var fullContinuationPrompt: String {
    guard Dialect.current.showsWhatIsOpen else { return continuationPrompt }
    return open.prompt(continuationPrompt, tail: continuationTail)
  }
  /// Whether typed SQL is coloured; nil means that the terminal decides.
  package var highlights: Bool?

  /// Whether Ctrl-C was pressed since the last call of `forgetInterrupt`.
  package var wasInterrupted: () -> Bool = { false }
  /// Whether the program must end: no more input is read, and nothing more runs.
  package var isEnding: () -> Bool = { false }
  /// Called when nothing more runs, before observers end.
  package var willEnd: () -> Void = {}
  /// Clears the memory of Ctrl-C.
  package var forgetInterrupt: () -> Void = {}

  package init() {}
}

/// The result of reading a line.
package enum LineResult: Sendable {
  case line
  /// Ctrl-C discarded the typed text.
  case interrupted
  case end
}

/// A source of lines.
package protocol LineSource: AnyObject {
  /// Appends the next line without its line break.
  func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult
  /// Appends at most this many bytes of the next line, including its line break.
  ///
  /// A zero byte hides the rest of the line.
  func appendPiece(atMost count: Int, to buffer: ByteBuffer) -> LineResult
}

extension LineSource {
  /// Appends a line; a typed line always comes as a whole.
  package func appendPiece(atMost count: Int, to buffer: ByteBuffer) -> LineResult {
    appendLine(to: buffer, isContinuation: true)
  }
}

/// A terminal that shows a prompt and returns typed lines.
package protocol TerminalInput: AnyObject {
  /// Reads a line and appends it without its line break.
  func readLine(prompt: String, to buffer: ByteBuffer) -> LineResult
}
