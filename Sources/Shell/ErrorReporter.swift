internal import Bytes
internal import Files

/// The only writer of standard error.
package final class ErrorReporter {
  private let writer = StreamWriter(descriptor: StreamWriter.standardError)
  private let flushFirst: () -> Void

  init(flushingFirst flushFirst: @escaping () -> Void) { self.flushFirst = flushFirst }

  /// Writes a line.
  package func print(_ line: String) { write(line + "\n") }

  /// Writes a line that may hold what comes from elsewhere: a terminal finds no commands in it.
  package func tell(_ line: String) { print(line.escapingControls()) }

  /// Writes a text as it is.
  package func write(_ text: String) {
    flushFirst()
    writer.write(text)
  }
}
