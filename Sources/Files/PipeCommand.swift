internal import Bytes
internal import Glibc

/// A shell command at the other end of a pipe.
package final class PipeCommand {
  private let file: UnsafeMutablePointer<FILE>
  private var isClosed = false

  /// The direction of the bytes.
  package enum Direction: Sendable { case fromCommand, toCommand }

  /// Starts the command with `/bin/sh -c`; nil if that fails.
  ///
  /// The corresponding C function is `popen`.
  package init?(_ command: String, _ direction: Direction) {
    let mode = direction == .fromCommand ? "re" : "we"
    guard let file = command.withPreservedCString({ popen($0, mode) }) else { return nil }
    self.file = file
  }

  /// The descriptor of our side; valid until `finish`.
  package var descriptor: Int32 { fileno(file) }

  /// Closes our side and waits for the command; returns its wait status, 0 for success.
  ///
  /// The corresponding C function is `pclose`.
  @discardableResult
  package func finish() -> Int {
    guard !isClosed else { return 0 }
    isClosed = true
    return Int(pclose(file))
  }

  deinit { finish() }
}
