/// Why a store did not do what it was asked.
///
/// Reads as `verb object: cause`, such as `put 00000001-5f3a9c21/wal/…: access denied`. Never holds a secret.
package struct ObjectStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    case notFound, preconditionFailed, invalidKey
    /// The configuration or credentials are wrong; trying again does not help.
    case accessDenied, badSignature, wrongRegion, noSuchBucket, certificateNotTrusted, clockSkew, archived
    case configuration
    /// Trying again may help.
    case unreachable, hostNotFound, timeout, slowDown, serverError
    /// What came back is not what was asked for (short body, wrong checksum, unreadable answer).
    case damaged
    case noSpace, io
    /// It is encrypted with a key that is not at hand.
    case sealed
    /// It is not what was encrypted under its name, or not encrypted although it must be; fetching it again may help
    /// if it was damaged on the way.
    case forged
  }

  package let code: Code
  package let verb: String
  package let object: String
  /// A sentence a person can act on, lower case, without a full stop.
  package let cause: String

  package init(_ code: Code, verb: String, object: String, cause: String) {
    self.code = code
    self.verb = verb
    self.object = object
    self.cause = cause
  }

  package var description: String { "\(verb) \(object): \(cause)" }

  /// Whether the same call may succeed later without anybody changing anything.
  package var isTransient: Bool {
    switch code {
    case .unreachable, .hostNotFound, .timeout, .slowDown, .serverError, .damaged: true
    default: false
    }
  }
}
