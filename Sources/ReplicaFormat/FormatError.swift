internal import Bytes

/// The error of a damaged or missing object of a replica.
///
/// Its text is `verb object: cause`. Objects are written as a whole, so a short or changed one is
/// damaged.
package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  package let object: String
  package let cause: String
  /// Whether the object is missing.
  ///
  /// Then nothing is damaged, and a new listing shows what replaced it.
  package let isMissing: Bool

  package init(_ object: String, _ cause: String, isMissing: Bool = false) {
    self.object = object
    // The cause may quote text of the object.
    self.cause = cause.escapingControls()
    self.isMissing = isMissing
  }

  package var description: String { "read \(object): \(cause)" }
}
