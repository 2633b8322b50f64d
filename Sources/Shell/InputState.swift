package import Bytes

/// Where input comes from just now.
package final class InputState {
  package static let deepest = 25

  package var isInteractive = false
  /// Line read last in the current file; 0 before the first and for arguments.
  package internal(set) var lineNumber = 0
  /// How many files are being read inside each other.
  package internal(set) var depth = 0
  package var prompt = "sqlite> "
  package var continuationPrompt = "   ...> "

  package init() {}
}

/// A place lines come from.
package protocol LineSource: AnyObject {
  /// Appends the next line without its line break; false at the end.
  func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> Bool
}

/// A terminal that shows a prompt and gives back what was typed.
package protocol TerminalInput: AnyObject {
  /// The next line without its line break; nil at the end.
  func readLine(prompt: String) -> [UInt8]?
}
