import Bytes

/// Why a database could not be restored.
///
/// Reads as `verb object: cause` or as a sentence.
package struct RestoreError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// The replica holds nothing that could be restored.
    case nothing
    /// An object is missing from the chain, or damaged.
    case hole
    /// The moment asked for is outside what the replica holds.
    case range
    /// The output holds a database.
    case exists
    /// Somebody else uses the output.
    case busy
    /// Replayed statements did something else than they did when they were logged.
    case diverged
    /// What was restored is not what it should be.
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
    // It may hold what stands in a replica.
    self.message = message.escapingControls()
  }

  package var description: String { message }
}
