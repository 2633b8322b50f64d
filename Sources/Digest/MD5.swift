import CNettle

/// Computes the 16-byte MD5 of `bytes`; only S3's `Content-MD5` needs it.
package func md5(_ bytes: [UInt8]) -> [UInt8] {
  var state = md5_ctx()
  nettle_md5_init(&state)
  nettle_md5_update(&state, bytes.count, bytes)
  var digest = [UInt8](repeating: 0, count: Int(MD5_DIGEST_SIZE))
  nettle_md5_digest(&state, digest.count, &digest)
  return digest
}
