internal import Digest

/// A secret of 32 bytes for encryption.
///
/// Only its identifier is ever shown.
package struct EncryptionKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  let secret: [UInt8]
  /// The first 8 bytes of the SHA-256 of `sqlite3-cloud-s3 key id` and the secret.
  ///
  /// Each object has it in its header.
  let identifier: [UInt8]

  /// Takes 32 bytes; nil for any other number.
  package init?(_ secret: [UInt8]) {
    guard secret.count == AES256GCM.keySize else { return nil }
    self.secret = secret
    identifier = Array(sha256(Array("sqlite3-cloud-s3 key id".utf8) + secret)[..<8])
  }

  /// The identifier as 16 hexadecimal digits.
  package var id: String { hex(identifier) }

  package var description: String { "key \(id)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: ["id": id]) }

  /// Derives a separate secret for another use.
  func derived(for use: String, salt: [UInt8] = []) -> [UInt8] {
    hkdfSHA256(key: secret, salt: salt, info: Array("sqlite3-cloud-s3 \(use)".utf8))
  }
}
