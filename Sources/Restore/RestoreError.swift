import Bytes

/// The reason why a database could not be restored.
///
/// Its text is `verb object: cause` or a sentence.
package struct RestoreError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// The replica holds no state that a restore could give.
    case nothing
    /// An object is missing from the chain, or damaged.
    case hole
    /// The replica does not hold the target.
    case range
    /// The output holds a database.
    case exists
    /// Another process uses the output.
    case busy
    /// Replayed statements had another effect than when they were logged.
    case diverged
    /// The restored database is not the right one.
    case differs
    /// There is too little room for the restored database.
    case space
    case database
    /// Ctrl-C.
    case interrupted
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    // It may quote text of a replica.
    self.message = message.escapingControls()
  }

  package var description: String { message }
}
