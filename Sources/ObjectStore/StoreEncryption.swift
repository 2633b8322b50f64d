/// What a store that encrypts tells of it to those who choose names and lengths.
package struct StoreEncryption: Sendable {
  /// The key that is used for what is put: 16 hexadecimal digits, no secret.
  package let keyID: String
  /// A secret, the same for all objects of the key, that names told from content are made with.
  package let naming: [UInt8]
  /// Length of the content of an object of this key that is stored with a length; nil if there is none such.
  package let contentSize: @Sendable (_ stored: Int) -> Int?

  package init(keyID: String, naming: [UInt8], contentSize: @escaping @Sendable (_ stored: Int) -> Int?) {
    self.keyID = keyID
    self.naming = naming
    self.contentSize = contentSize
  }
}
