import CNettle

/// SHA-1 of bytes that arrive in parts, for SQL; nothing relies on it.
package final class SHA1 {
  private var state = sha1_ctx()

  package init() { nettle_sha1_init(&state) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    nettle_sha1_update(&state, bytes.count, start.assumingMemoryBound(to: UInt8.self))
  }

  package func update(_ byte: UInt8) { withUnsafeBytes(of: byte) { update($0) } }

  /// Returns the 20 bytes.
  package func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA1_DIGEST_SIZE))
    nettle_sha1_digest(&state, digest.count, &digest)
    return digest
  }
}
