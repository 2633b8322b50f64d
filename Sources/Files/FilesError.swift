/// Why a file or folder could not be used; reads as `verb object: cause`.
package struct FilesError: Error, Hashable, Sendable, CustomStringConvertible {
  package let errno: Errno
  package let verb: String
  /// The path as the caller gave it.
  package let object: String

  package init(_ errno: Errno, verb: String, object: String) {
    self.errno = errno
    self.verb = verb
    self.object = object
  }

  package var description: String { "\(verb) \(object): \(errno)" }
}
