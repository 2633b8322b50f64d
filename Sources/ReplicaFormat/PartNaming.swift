internal import Digest

/// How the parts of a base are named after the pages they hold.
package struct PartNaming: Hashable, Sendable {
  /// Secret of an encrypted replica, without which a name tells nothing of the pages; nil for names that are the SHA-256.
  package let secret: [UInt8]?

  package init(secret: [UInt8]? = nil) { self.secret = secret }

  /// The 64 hexadecimal digits for pages that have this SHA-256.
  package func digest(sha256: [UInt8]) -> String {
    hex(secret.map { hmacSHA256(key: $0, message: sha256) } ?? sha256)
  }
}
