internal import Digest

/// Computes the names of a base's parts from their pages.
package struct PartNaming: Hashable, Sendable {
  /// The secret of an encrypted replica, without which a name reveals nothing about the pages; nil
  /// for plain SHA-256 names.
  package let secret: [UInt8]?

  package init(secret: [UInt8]? = nil) { self.secret = secret }

  /// Returns the 64 hexadecimal digits for pages with this SHA-256.
  package func digest(sha256: [UInt8]) -> String {
    hex(secret.map { hmacSHA256(key: $0, message: sha256) } ?? sha256)
  }
}
