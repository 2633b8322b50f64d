internal import Digest

/// The available keys: the first one encrypts, all of them decrypt.
package struct KeyRing: Sendable {
  package let keys: [EncryptionKey]
  /// The setting that they were read from, such as `S3_ENCRYPTION_KEY_FILE`.
  package let origin: String
  /// Whether objects that are not encrypted are refused.
  package var isRequired = false

  /// No keys: nothing is encrypted, and what is encrypted cannot be read.
  package static var empty: KeyRing { KeyRing(keys: [], origin: "") }

  package init(keys: [EncryptionKey], origin: String) {
    self.keys = keys
    self.origin = origin
  }

  /// Reads a file or the output of a command: 32 bytes, or one key on each line.
  ///
  /// A line has 64 hexadecimal digits or the base 64 of 32 bytes. Empty lines and lines that begin
  /// with `#` are skipped. The error names the line, never its content.
  package init(reading content: [UInt8], origin: String) throws(KeyRingError) {
    if content.count == AES256GCM.keySize, let key = EncryptionKey(content) {
      guard !content.allSatisfy({ (0x20...0x7e).contains($0) }) else {
        throw KeyRingError("\(origin) holds 32 characters of text, which is not a key: \(Self.advice)")
      }
      self.init(keys: [key], origin: origin)
      return
    }
    var keys: [EncryptionKey] = []
    let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }
      guard !text.isEmpty, !text.hasPrefix("#") else { continue }
      guard let secret = bytes(hex: text) ?? bytes(base64: text) else {
        throw KeyRingError("line \(index + 1) of \(origin) is not a key: \(Self.advice)")
      }
      guard let key = EncryptionKey(secret) else {
        throw KeyRingError(
          "line \(index + 1) of \(origin) is a key of \(secret.count) bytes, not 32: \(Self.advice)")
      }
      if !keys.contains(key) { keys.append(key) }
    }
    guard !keys.isEmpty else { throw KeyRingError("\(origin) holds no key: \(Self.advice)") }
    self.init(keys: keys, origin: origin)
  }

  private static let advice =
    "write 64 hexadecimal digits or the base 64 of 32 random bytes on a line, as \"openssl rand -hex 32\" does"

  func key(_ identifier: [UInt8]) -> EncryptionKey? { keys.first { $0.identifier == identifier } }
}

/// The reason why keys could not be read.
///
/// It never holds a part of a key.
package struct KeyRingError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
