internal import CNettle

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D), with nonces of 96 bits and tags of 128 bits.
///
/// Never use a nonce for two messages with one key.
package struct AES256GCM {
  package static let keySize = 32
  package static let nonceSize = 12
  package static let tagSize = 16

  private var state = gcm_aes256_ctx()

  /// Takes a key of 32 bytes.
  package init(key: [UInt8]) {
    precondition(key.count == Self.keySize)
    nettle_gcm_aes256_set_key(&state, key)
  }

  private mutating func begin(nonce: [UInt8], authenticating data: [UInt8]) {
    precondition(nonce.count == Self.nonceSize)
    nettle_gcm_aes256_set_iv(&state, nonce.count, nonce)
    nettle_gcm_aes256_update(&state, data.count, data)
  }

  private mutating func tag() -> [UInt8] {
    var tag = [UInt8](repeating: 0, count: Self.tagSize)
    nettle_gcm_aes256_digest(&state, tag.count, &tag)
    return tag
  }

  /// Writes the ciphertext of a range of `plain`, and then the tag, into `sealed` from `at` on.
  ///
  /// The range's length plus 16 bytes must fit. The corresponding C function is
  /// `gcm_aes256_encrypt`.
  package mutating func seal(
    _ plain: [UInt8], _ range: Range<Int>, nonce: [UInt8], authenticating data: [UInt8],
    into sealed: inout [UInt8], at: Int
  ) {
    // Up to Swift 6.0, `contains` of a whole range searches byte by byte.
    precondition(range.lowerBound >= 0 && range.upperBound <= plain.count)
    precondition(at >= 0 && at + range.count + Self.tagSize <= sealed.count)
    begin(nonce: nonce, authenticating: data)
    plain.withUnsafeBufferPointer { source in
      sealed.withUnsafeMutableBufferPointer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        nettle_gcm_aes256_encrypt(&state, range.count, to + at, from + range.lowerBound)
      }
    }
    sealed.replaceSubrange(at + range.count..<at + range.count + Self.tagSize, with: tag())
  }

  /// Writes the plaintext of a range of `sealed`, which ends with its tag, into `plain` from `at`
  /// on.
  ///
  /// Returns false, and writes zeros, if the tag is wrong. The corresponding C function is
  /// `gcm_aes256_decrypt`.
  package mutating func open(
    _ sealed: [UInt8], _ range: Range<Int>, nonce: [UInt8], authenticating data: [UInt8],
    into plain: inout [UInt8], at: Int
  ) -> Bool {
    let count = range.count - Self.tagSize
    guard count >= 0 else { return false }
    precondition(range.lowerBound >= 0 && range.upperBound <= sealed.count && plain.count - at >= count)
    begin(nonce: nonce, authenticating: data)
    sealed.withUnsafeBufferPointer { source in
      plain.withUnsafeMutableBufferPointer { target in
        guard count > 0, let from = source.baseAddress, let to = target.baseAddress else { return }
        nettle_gcm_aes256_decrypt(&state, count, to + at, from + range.lowerBound)
      }
    }
    // All bytes are compared, so the time reveals nothing.
    var difference: UInt8 = 0
    for (found, wanted) in zip(tag(), sealed[(range.lowerBound + count)...]) { difference |= found ^ wanted }
    guard difference == 0 else {
      for index in at..<at + count { plain[index] = 0 }
      return false
    }
    return true
  }
}
