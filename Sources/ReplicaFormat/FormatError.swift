/// What is wrong with an object of a replica.
///
/// Reads as `verb object: cause`. An object was written whole, so a short or changed one is damaged.
package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  package let object: String
  package let cause: String

  package init(_ object: String, _ cause: String) {
    self.object = object
    self.cause = cause
  }

  package var description: String { "read \(object): \(cause)" }
}
