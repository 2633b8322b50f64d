import CNettle

/// SHA-256 of bytes that arrive in parts.
///
/// This target has hashes, HMAC and AES-256-GCM, mostly from nettle, and text encodings of bytes.
/// It knows no format.
///
///     var hash = SHA256()
///     hash.update(bytes)
///     let digest = hash.finish()
package struct SHA256: Sendable {
  private var state = sha256_ctx()

  package init() { nettle_sha256_init(&state) }

  /// Adds the next bytes.
  package mutating func update(_ bytes: some Collection<UInt8>) {
    if bytes.withContiguousStorageIfAvailable({ nettle_sha256_update(&state, $0.count, $0.baseAddress) })
      == nil
    {
      let copy = Array(bytes)
      nettle_sha256_update(&state, copy.count, copy)
    }
  }

  /// Returns the 32-byte digest, and begins again.
  package mutating func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
    nettle_sha256_digest(&state, digest.count, &digest)
    return digest
  }
}

/// Computes the 32-byte SHA-256 of `bytes`.
package func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] {
  var hash = SHA256()
  hash.update(bytes)
  return hash.finish()
}
