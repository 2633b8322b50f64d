import Digest
import Testing

@Suite struct AES256GCMTests {
  private func hexBytes(_ text: String) throws -> [UInt8] { try #require(bytes(hex: text)) }

  /// Cases 13 to 16 of the specification of GCM, which NIST adopted
  /// (https://csrc.nist.gov/pubs/sp/800/38/d/final).
  @Test(arguments: [
    [
      String(repeating: "0", count: 64), String(repeating: "0", count: 24), "", "", "",
      "530f8afbc74536b9a963b4f1c4cb738b",
    ],
    [
      String(repeating: "0", count: 64), String(repeating: "0", count: 24), String(repeating: "0", count: 32),
      "",
      "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919",
    ],
    [
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        + "b16aedf5aa0de657ba637b391aafd255", "",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
        + "c5f61e6393ba7a0abcc9f662898015ad", "b094dac5d93471bdec1a502270e3cc6c",
    ],
    [
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        + "b16aedf5aa0de657ba637b39", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
        + "c5f61e6393ba7a0abcc9f662", "76fc6ece0f4e1768cddf8853bb2d551b",
    ],
  ]) func agreesWithNIST(_ vector: [String]) throws {
    let fields = try vector.map(hexBytes)
    let (plain, data) = (fields[2], fields[3])
    var cipher = AES256GCM(key: fields[0])
    var sealed = [UInt8](repeating: 0xff, count: 3 + plain.count + 16)
    cipher.seal(plain, 0..<plain.count, nonce: fields[1], authenticating: data, into: &sealed, at: 3)
    #expect(hex(sealed) == "ffffff" + vector[4] + vector[5])
    var opened = [UInt8](repeating: 0, count: plain.count)
    #expect(
      cipher.open(
        sealed, 3..<sealed.count, nonce: fields[1], authenticating: data, into: &opened, at: 0))
    #expect(opened == plain)
    #expect(
      !cipher.open(
        sealed, 3..<sealed.count, nonce: fields[1], authenticating: data + [0], into: &opened, at: 0))
    #expect(opened.allSatisfy { $0 == 0 })
  }

  /// Cases 1 and 3 of RFC 5869, as far as one block goes.
  @Test func derivesKeysAsTheRFCDoes() throws {
    #expect(
      hex(
        hkdfSHA256(
          key: .init(repeating: 0x0b, count: 22), salt: Array(0...12), info: Array(0xf0...0xf9)))
        == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")
    #expect(
      hex(hkdfSHA256(key: .init(repeating: 0x0b, count: 22), salt: [], info: []))
        == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
  }

  @Test func readsTextEncodings() {
    for length in 0...40 {
      let sample = (0..<length).map { UInt8(($0 * 37 + 5) & 0xff) }
      #expect(bytes(hex: hex(sample)) == sample)
      #expect(bytes(hex: hex(sample).uppercased()) == sample)
      #expect(bytes(base64: base64(sample)) == sample)
      #expect(bytes(base64: base64(sample).filter { $0 != "=" }) == sample)
    }
    for text in ["a", "0g", "zz", "é"] { #expect(bytes(hex: text) == nil) }
    for text in ["a", "a===", "ab=c", "a-bc", "QR==", "QQ=", "===="] {
      #expect(bytes(base64: text) == nil, "\(text)")
    }
  }
}
