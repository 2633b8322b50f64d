internal import Glibc

/// Whole texts to the standard streams, each with one call, for programs without a session.
package enum OutputLine {
  /// Writes a text to standard output; a failure is ignored.
  package static func print(_ text: String) { write(text, to: 1) }

  /// Writes a text to standard error; a failure is ignored.
  package static func printError(_ text: String) { write(text, to: 2) }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        retrying { Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done) }
      }
      guard count > 0 else { return }
      done += count
    }
  }
}
