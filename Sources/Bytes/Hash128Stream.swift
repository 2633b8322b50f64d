internal import CXXHash

/// XXH3-128 (seed 0) of bytes that are given piece by piece.
///
/// Belongs to one thread at a time.
package struct Hash128Stream: ~Copyable {
  private let state: UnsafeMutableRawPointer

  package init() {
    guard let state = cxxhash_stream() else { preconditionFailure("out of memory") }
    self.state = state
  }

  deinit { cxxhash_stream_free(state) }

  package mutating func add(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { cxxhash_stream_add(state, $0.baseAddress, $0.count) }
  }

  /// The hash of everything that was added.
  package var value: Hash128 {
    var (high, low): (UInt64, UInt64) = (0, 0)
    cxxhash_stream_value(state, &high, &low)
    return Hash128(high: high, low: low)
  }
}
