package import Bytes
package import Files

/// Lines of a file or pipe.
package final class StreamLines: LineSource {
  private let reader: StreamReader

  package init(_ reader: StreamReader) { self.reader = reader }

  package func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult {
    reader.appendLine(to: buffer) ? .line : .end
  }
}

/// Lines typed at the prompt.
final class PromptedLines: LineSource {
  private let terminal: any TerminalInput
  private let input: InputState

  init(_ terminal: any TerminalInput, _ input: InputState) {
    self.terminal = terminal
    self.input = input
  }

  func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult {
    terminal.readLine(prompt: isContinuation ? input.continuationPrompt : input.prompt, to: buffer)
  }
}
