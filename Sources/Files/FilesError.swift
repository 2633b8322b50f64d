/// The error of a file or folder; its text is `verb object: cause`.
package struct FilesError: Error, Hashable, Sendable, CustomStringConvertible {
  package let errno: Errno
  package let verb: String
  /// The path as given by the caller.
  package let object: String
  /// The cause, if the system's description of `errno` does not name it.
  package let cause: String?

  package init(_ errno: Errno, verb: String, object: String, cause: String? = nil) {
    self.errno = errno
    self.verb = verb
    self.object = object
    self.cause = cause
  }

  package var description: String { "\(verb) \(object): \(cause ?? "\(errno)")" }
}
