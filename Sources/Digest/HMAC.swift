import CNettle

/// Computes the 32-byte HMAC-SHA256 of `message` with `key`.
package func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8] {
  var state = hmac_sha256_ctx()
  nettle_hmac_sha256_set_key(&state, key.count, key)
  nettle_hmac_sha256_update(&state, message.count, message)
  var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
  nettle_hmac_sha256_digest(&state, digest.count, &digest)
  return digest
}

/// Computes the 20-byte HMAC-SHA1 of `message` with `key`; only S3's old signature version needs
/// it.
package func hmacSHA1(key: [UInt8], message: [UInt8]) -> [UInt8] {
  var state = hmac_sha1_ctx()
  nettle_hmac_sha1_set_key(&state, key.count, key)
  nettle_hmac_sha1_update(&state, message.count, message)
  var digest = [UInt8](repeating: 0, count: Int(SHA1_DIGEST_SIZE))
  nettle_hmac_sha1_digest(&state, digest.count, &digest)
  return digest
}

/// Derives 32 bytes from `key` for one use: one block of HKDF with SHA-256 (RFC 5869).
package func hkdfSHA256(key: [UInt8], salt: [UInt8], info: [UInt8]) -> [UInt8] {
  hmacSHA256(key: hmacSHA256(key: salt, message: key), message: info + [1])
}
