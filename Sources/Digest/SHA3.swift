internal import CNettle

/// SHA-3 of bytes that arrive in parts (FIPS 202).
///
/// The corresponding C functions are nettle's `sha3_224_update` and its siblings.
package final class SHA3 {
  private let size: Int
  private let context: UnsafeMutableRawPointer

  /// Sizes of the digest in bits.
  package static let sizes = [224, 256, 384, 512]

  /// Begins a digest of this number of bits.
  package init(bits: Int) {
    precondition(Self.sizes.contains(bits))
    size = bits / 8
    // The context for the shortest digest has the longest block.
    context = .allocate(
      byteCount: MemoryLayout<sha3_224_ctx>.size, alignment: MemoryLayout<sha3_224_ctx>.alignment)
    switch size {
    case 28: nettle_sha3_224_init(context.bindMemory(to: sha3_224_ctx.self, capacity: 1))
    case 32: nettle_sha3_256_init(context.bindMemory(to: sha3_256_ctx.self, capacity: 1))
    case 48: nettle_sha3_384_init(context.bindMemory(to: sha3_384_ctx.self, capacity: 1))
    default: nettle_sha3_512_init(context.bindMemory(to: sha3_512_ctx.self, capacity: 1))
    }
  }

  deinit { context.deallocate() }

  /// Takes in the next bytes.
  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return }
    let count = bytes.count
    switch size {
    case 28: nettle_sha3_224_update(context.assumingMemoryBound(to: sha3_224_ctx.self), count, base)
    case 32: nettle_sha3_256_update(context.assumingMemoryBound(to: sha3_256_ctx.self), count, base)
    case 48: nettle_sha3_384_update(context.assumingMemoryBound(to: sha3_384_ctx.self), count, base)
    default: nettle_sha3_512_update(context.assumingMemoryBound(to: sha3_512_ctx.self), count, base)
    }
  }

  /// Takes in the next byte.
  package func update(_ byte: UInt8) { withUnsafeBytes(of: byte) { update($0) } }

  /// Returns the digest of everything taken in; nothing more may follow.
  package func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: size)
    switch size {
    case 28: nettle_sha3_224_digest(context.assumingMemoryBound(to: sha3_224_ctx.self), size, &digest)
    case 32: nettle_sha3_256_digest(context.assumingMemoryBound(to: sha3_256_ctx.self), size, &digest)
    case 48: nettle_sha3_384_digest(context.assumingMemoryBound(to: sha3_384_ctx.self), size, &digest)
    default: nettle_sha3_512_digest(context.assumingMemoryBound(to: sha3_512_ctx.self), size, &digest)
    }
    return digest
  }
}
