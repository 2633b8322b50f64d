import Digest
import Testing

/// Examples of FIPS 180-4, RFC 4231, RFC 2202 and RFC 4648.
@Suite struct DigestTests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func digestsWithSHA256(text: String, digest: String) {
    #expect(hex(sha256(Array(text.utf8))) == digest)
    #expect(hex(sha256(text.utf8)) == digest)
    var hash = SHA256()
    for byte in text.utf8 { hash.update([byte]) }
    #expect(hex(hash.finish()) == digest)
  }

  @Test func authenticatesMessages() {
    let key = Array("Jefe".utf8)
    let message = Array("what do ya want for nothing?".utf8)
    #expect(
      hex(hmacSHA256(key: key, message: message))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(hex(hmacSHA1(key: key, message: message)) == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
  }

  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
  func writesBase64(text: String, encoded: String) {
    #expect(base64(Array(text.utf8)) == encoded)
  }
}
