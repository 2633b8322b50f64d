import Digest
import Encryption
import TestSupport
import Testing

@Suite struct KeyRingTests {
  private let secret = (0..<32).map { UInt8($0 * 7 + 1) }

  private func ring(_ text: String) throws -> KeyRing {
    try KeyRing(reading: Array(text.utf8), origin: "FILE")
  }

  @Test func readsEveryForm() throws {
    let key = try #require(EncryptionKey(secret))
    #expect(try KeyRing(reading: secret, origin: "FILE").keys == [key])
    for text in [
      hex(secret), hex(secret).uppercased() + "\n", base64(secret) + "\r\n", "  " + hex(secret) + " \n\n",
      "# a key\n\n" + base64(secret) + "\n", base64(secret).filter { $0 != "=" },
    ] {
      #expect(try ring(text).keys == [key], "\(text)")
    }
  }

  @Test func keepsTheOrderOfSeveral() throws {
    let other = try #require(EncryptionKey(Array(secret.reversed())))
    let key = try #require(EncryptionKey(secret))
    #expect(
      try ring(hex(secret.reversed()) + "\n# before\n" + base64(secret) + "\n" + hex(secret)).keys == [
        other, key,
      ])
  }

  @Test(arguments: [
    ("", "FILE holds no key: "), ("# nothing\n", "FILE holds no key: "),
    ("correct horse battery staple one", "FILE holds 32 characters of text, which is not a key: "),
    ("correct horse battery staple", "line 1 of FILE is not a key: "),
    ("\n0123456789abcdef", "line 2 of FILE is a key of 8 bytes, not 32: "),
    (String(repeating: "0", count: 66), "line 1 of FILE is a key of 33 bytes, not 32: "),
  ]) func refusesTextThatIsNotAKey(_ text: String, _ message: String) {
    let error = thrown(KeyRingError.self) { try ring(text) }
    #expect(error?.description.hasPrefix(message) == true, "\(error as Any)")
    #expect(error?.description.contains("openssl rand -hex 32") == true)
    #expect(!"\(error as Any)".contains("horse"))
  }

  /// The identifier is that of Docs/Format.md; nothing else of a key is shown.
  @Test func showsItsIdentifierAlone() throws {
    let key = try #require(EncryptionKey(secret))
    #expect(key.id == hex(sha256(Array("sqlite3-cloud-s3 key id".utf8) + secret)[..<8]))
    var dumped = ""
    dump(try ring(hex(secret)), to: &dumped)
    for text in ["\(key)", String(reflecting: key), dumped] {
      #expect(text.contains(key.id))
      #expect(!text.contains(hex(secret)) && !text.contains("\(secret)"))
      #expect(!text.contains("\(secret[30])\n"))
    }
  }
}
