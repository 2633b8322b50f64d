package import SQLite

/// The error of a dot-command.
package enum CommandError: Error, Hashable, Sendable {
  /// Wrong arguments: prints `Usage: ` and the command's usage.
  case usage
  /// A text for standard error, printed as it is.
  case message(String)
  /// The error is already printed.
  case silent
}

extension CommandError: CustomStringConvertible {
  /// The text as the cause in another message: without `Error: `, which the shell prints before it.
  package var description: String {
    guard case .message(let text) = self else { return "wrong arguments" }
    let prefix = "Error: "
    return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text
  }
}

/// SQL failed without an error message.
package struct Unexplained: Error {
  package let code: ResultCode
  package init(code: ResultCode) { self.code = code }
}

/// Ends the program with this code, after the observers have ended.
///
/// Thrown if nothing can continue, for instance if a database cannot be opened, or after a
/// forbidden act in safe mode.
package struct SessionExit: Error, Hashable, Sendable {
  package let code: Int32
  package init(code: Int32) { self.code = code }
}
