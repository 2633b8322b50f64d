package import Bytes
package import Files

/// Lines of a file or pipe.
package final class StreamLines: LineSource {
  private let reader: StreamReader

  package init(_ reader: StreamReader) { self.reader = reader }

  package func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult {
    reader.appendLine(to: buffer) ? .line : .end
  }

  package func appendPiece(atMost count: Int, to buffer: ByteBuffer) -> LineResult {
    reader.appendPiece(atMost: count, to: buffer) ? .line : .end
  }
}

/// Lines typed at the prompt.
final class PromptedLines: LineSource {
  private let terminal: any TerminalInput
  private let input: InputState
  /// Returns the text for `{mirror}`.
  private let field: () -> String

  init(_ terminal: any TerminalInput, _ input: InputState, field: @escaping () -> String = { "" }) {
    self.terminal = terminal
    self.input = input
    self.field = field
  }

  func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult {
    terminal.readLine(
      prompt: filled(isContinuation ? input.fullContinuationPrompt : input.prompt), to: buffer)
  }

  private static let mark = "{mirror}"

  private func filled(_ prompt: String) -> String {
    var parts: [Substring] = []
    var rest = prompt[...]
    while let at = rest.indices.first(where: { rest[$0...].hasPrefix(Self.mark) }) {
      parts.append(rest[..<at])
      rest = rest[at...].dropFirst(Self.mark.count)
    }
    return parts.isEmpty ? prompt : (parts + [rest]).joined(separator: field())
  }
}
