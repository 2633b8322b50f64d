package import SQLite

/// Why a dot-command did not do what it was asked.
package enum CommandError: Error, Hashable, Sendable {
  /// The arguments make no sense: `Usage: ` and the command's own words.
  case usage
  /// A text for stderr, written as it is.
  case message(String)
  /// Everything has been said already.
  case silent
}

/// SQL was not processed, and there are no words for why.
package struct Unexplained: Error {
  package let code: ResultCode
  package init(code: ResultCode) { self.code = code }
}

/// Ends the program with this code after the observers were told.
///
/// Thrown if nothing can go on, such as a database that cannot be opened or a forbidden act in safe mode.
package struct SessionExit: Error, Hashable, Sendable {
  package let code: Int32
  package init(code: Int32) { self.code = code }
}
