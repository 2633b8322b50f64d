/// What an encrypting store reports to code that chooses names and lengths.
package struct StoreEncryption: Sendable {
  /// The key for new objects: 16 hexadecimal digits, no secret.
  package let keyID: String
  /// A secret for names that are computed from content, the same for all objects of the key.
  package let naming: [UInt8]
  /// Returns the length of the content of a stored object of this length; nil if no object has it.
  package let contentSize: @Sendable (_ stored: Int) -> Int?

  package init(keyID: String, naming: [UInt8], contentSize: @escaping @Sendable (_ stored: Int) -> Int?) {
    self.keyID = keyID
    self.naming = naming
    self.contentSize = contentSize
  }
}
