internal import Bytes

/// What is wrong with an object of a replica.
///
/// Reads as `verb object: cause`. An object was written whole, so a short or changed one is damaged.
package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
  package let object: String
  package let cause: String
  /// Whether there is no such object, or none any more: then nothing is damaged, and a listing tells what took its place.
  package let isMissing: Bool

  package init(_ object: String, _ cause: String, isMissing: Bool = false) {
    self.object = object
    // It may hold what stands in the object.
    self.cause = cause.escapingControls()
    self.isMissing = isMissing
  }

  package var description: String { "read \(object): \(cause)" }
}
