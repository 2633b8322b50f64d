internal import Bytes

/// The error of a damaged LTX file.
package struct LTXError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Name of the object.
  package let object: String
  /// Lower case, without a full stop.
  package let cause: String

  package init(_ object: String, _ cause: String) {
    self.object = object
    self.cause = cause.escapingControls()
  }

  package var description: String { "read \(object): \(cause)" }
}
