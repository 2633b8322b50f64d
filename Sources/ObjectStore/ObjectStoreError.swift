/// The error of a store's call.
///
/// Its text is `verb object: cause`, such as `put 00000001-5f3a9c21/wal/…: access denied`. It never
/// holds a secret.
package struct ObjectStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    case notFound, preconditionFailed, invalidKey
    /// The configuration or credentials are wrong; another try does not help.
    case accessDenied, badSignature, wrongRegion, noSuchBucket, certificateNotTrusted, clockSkew, archived
    case configuration
    /// Another try may help.
    case unreachable, hostNotFound, timeout, slowDown, serverError
    /// The answer is not the object that was asked for (short body, wrong checksum, unreadable
    /// answer).
    case damaged
    case noSpace, io
    /// The object is encrypted with a key that is not available.
    case sealed
    /// The object differs from the one that was encrypted under its name, or is not encrypted
    /// although it must be.
    ///
    /// Another try may help if it was damaged on the way.
    case forged
  }

  package let code: Code
  package let verb: String
  package let object: String
  /// A lower-case sentence without a full stop that a person can act on.
  package let cause: String

  package init(_ code: Code, verb: String, object: String, cause: String) {
    self.code = code
    self.verb = verb
    self.object = object
    self.cause = cause
  }

  package var description: String { "\(verb) \(object): \(cause)" }

  /// Whether the same call may succeed later without any change of settings.
  package var isTransient: Bool {
    switch code {
    case .unreachable, .hostNotFound, .timeout, .slowDown, .serverError, .damaged: true
    default: false
    }
  }
}
