import Bytes

/// The cause for which a mirror cannot do its work.
///
/// Its text is `verb object: cause` or a sentence, and never holds a secret.
package struct MirrorError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// The database cannot be mirrored at all (in memory, read-only, locked).
    case unsuitable
    /// The replica holds data that the database does not continue.
    case refused
    /// Another writer mirrors to the replica.
    case held
    /// Another session writes to the replica: this one stores nothing more.
    case fenced
    /// The log was restarted before all of it was read.
    case hole
    case notMirrored
    case timeout
    case store
    case database
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    // The message may hold text from a replica.
    self.message = message.escapingControls()
  }

  package var description: String { message }
}
