internal import Bytes
internal import Files

/// Writes to standard error; nothing else does.
package final class ErrorReporter {
  private let writer = StreamWriter(descriptor: StreamWriter.standardError)
  private let flushFirst: () -> Void

  init(flushingFirst flushFirst: @escaping () -> Void) { self.flushFirst = flushFirst }

  /// Writes a line.
  package func print(_ line: String) { write(line + "\n") }

  /// Writes a line with outside text, and escapes control characters for a terminal.
  package func tell(_ line: String) { print(line.escapingControls()) }

  /// Writes a text as it is.
  package func write(_ text: String) {
    flushFirst()
    writer.write(text)
  }
}
