/// Why a file or folder could not be used; reads as `verb object: cause`.
package struct FilesError: Error, Hashable, Sendable, CustomStringConvertible {
  package let errno: Errno
  package let verb: String
  /// The path as the caller gave it.
  package let object: String
  /// What is wrong, if the system's words for `errno` do not say it.
  package let cause: String?

  package init(_ errno: Errno, verb: String, object: String, cause: String? = nil) {
    self.errno = errno
    self.verb = verb
    self.object = object
    self.cause = cause
  }

  package var description: String { "\(verb) \(object): \(cause ?? "\(errno)")" }
}
