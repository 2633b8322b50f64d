/// SHA-3 of bytes that arrive in parts (FIPS 202).
package final class SHA3 {
  private let state: UnsafeMutablePointer<UInt64>
  private let rate: Int
  private let size: Int
  /// Bytes of the present block that are in.
  private var used = 0

  /// Sizes of the digest in bits that there are.
  package static let sizes = [224, 256, 384, 512]

  /// Begins a digest of so many bits.
  package init(bits: Int) {
    precondition(Self.sizes.contains(bits))
    size = bits / 8
    rate = 200 - 2 * size
    state = .allocate(capacity: 25)
    state.initialize(repeating: 0, count: 25)
  }

  deinit { state.deallocate() }

  /// Takes in the next bytes.
  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard var from = bytes.baseAddress else { return }
    var left = bytes.count
    while left > 0 {
      if used & 7 == 0, left >= 8 {
        let words = min(left, rate - used) / 8
        let first = used / 8
        for index in 0..<words {
          let word = from.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
          state[first + index] ^= UInt64(littleEndian: word)
        }
        from += words * 8
        left -= words * 8
        used += words * 8
      } else {
        take(from.load(as: UInt8.self))
        from += 1
        left -= 1
      }
      if used == rate {
        permute(state)
        used = 0
      }
    }
  }

  /// Takes in the next byte.
  package func update(_ byte: UInt8) {
    take(byte)
    if used == rate {
      permute(state)
      used = 0
    }
  }

  private func take(_ byte: UInt8) {
    state[used / 8] ^= UInt64(byte) << (UInt64(used & 7) * 8)
    used += 1
  }

  /// The digest of everything taken in; nothing more may follow.
  package func finish() -> [UInt8] {
    take(0x06)
    state[rate / 8 - 1] ^= 0x80 << 56
    permute(state)
    return (0..<size).map { UInt8(truncatingIfNeeded: state[$0 / 8] >> (UInt64($0 & 7) * 8)) }
  }
}

private let constants: [UInt64] = [
  0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808a,
  0x8000_0000_8000_8000, 0x0000_0000_0000_808b, 0x0000_0000_8000_0001,
  0x8000_0000_8000_8081, 0x8000_0000_0000_8009, 0x0000_0000_0000_008a,
  0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000a,
  0x0000_0000_8000_808b, 0x8000_0000_0000_008b, 0x8000_0000_0000_8089,
  0x8000_0000_0000_8003, 0x8000_0000_0000_8002, 0x8000_0000_0000_0080,
  0x0000_0000_0000_800a, 0x8000_0000_8000_000a, 0x8000_0000_8000_8081,
  0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
]

@inline(__always)
private func rotated(_ word: UInt64, _ by: UInt64) -> UInt64 { word << by | word >> (64 - by) }

/// Keccak-f[1600], its state in 25 locals so that it stays in registers.
private func permute(_ state: UnsafeMutablePointer<UInt64>) {
  var a0 = state[0]
  var a1 = state[1]
  var a2 = state[2]
  var a3 = state[3]
  var a4 = state[4]
  var a5 = state[5]
  var a6 = state[6]
  var a7 = state[7]
  var a8 = state[8]
  var a9 = state[9]
  var a10 = state[10]
  var a11 = state[11]
  var a12 = state[12]
  var a13 = state[13]
  var a14 = state[14]
  var a15 = state[15]
  var a16 = state[16]
  var a17 = state[17]
  var a18 = state[18]
  var a19 = state[19]
  var a20 = state[20]
  var a21 = state[21]
  var a22 = state[22]
  var a23 = state[23]
  var a24 = state[24]
  constants.withUnsafeBufferPointer { constants in
    for constant in constants {
      let c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
      let c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
      let c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
      let c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
      let c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
      let d0 = c4 ^ rotated(c1, 1)
      let d1 = c0 ^ rotated(c2, 1)
      let d2 = c1 ^ rotated(c3, 1)
      let d3 = c2 ^ rotated(c4, 1)
      let d4 = c3 ^ rotated(c0, 1)
      let b0 = a0 ^ d0
      let b10 = rotated(a1 ^ d1, 1)
      let b20 = rotated(a2 ^ d2, 62)
      let b5 = rotated(a3 ^ d3, 28)
      let b15 = rotated(a4 ^ d4, 27)
      let b16 = rotated(a5 ^ d0, 36)
      let b1 = rotated(a6 ^ d1, 44)
      let b11 = rotated(a7 ^ d2, 6)
      let b21 = rotated(a8 ^ d3, 55)
      let b6 = rotated(a9 ^ d4, 20)
      let b7 = rotated(a10 ^ d0, 3)
      let b17 = rotated(a11 ^ d1, 10)
      let b2 = rotated(a12 ^ d2, 43)
      let b12 = rotated(a13 ^ d3, 25)
      let b22 = rotated(a14 ^ d4, 39)
      let b23 = rotated(a15 ^ d0, 41)
      let b8 = rotated(a16 ^ d1, 45)
      let b18 = rotated(a17 ^ d2, 15)
      let b3 = rotated(a18 ^ d3, 21)
      let b13 = rotated(a19 ^ d4, 8)
      let b14 = rotated(a20 ^ d0, 18)
      let b24 = rotated(a21 ^ d1, 2)
      let b9 = rotated(a22 ^ d2, 61)
      let b19 = rotated(a23 ^ d3, 56)
      let b4 = rotated(a24 ^ d4, 14)
      a0 = b0 ^ (~b1 & b2) ^ constant
      a1 = b1 ^ (~b2 & b3)
      a2 = b2 ^ (~b3 & b4)
      a3 = b3 ^ (~b4 & b0)
      a4 = b4 ^ (~b0 & b1)
      a5 = b5 ^ (~b6 & b7)
      a6 = b6 ^ (~b7 & b8)
      a7 = b7 ^ (~b8 & b9)
      a8 = b8 ^ (~b9 & b5)
      a9 = b9 ^ (~b5 & b6)
      a10 = b10 ^ (~b11 & b12)
      a11 = b11 ^ (~b12 & b13)
      a12 = b12 ^ (~b13 & b14)
      a13 = b13 ^ (~b14 & b10)
      a14 = b14 ^ (~b10 & b11)
      a15 = b15 ^ (~b16 & b17)
      a16 = b16 ^ (~b17 & b18)
      a17 = b17 ^ (~b18 & b19)
      a18 = b18 ^ (~b19 & b15)
      a19 = b19 ^ (~b15 & b16)
      a20 = b20 ^ (~b21 & b22)
      a21 = b21 ^ (~b22 & b23)
      a22 = b22 ^ (~b23 & b24)
      a23 = b23 ^ (~b24 & b20)
      a24 = b24 ^ (~b20 & b21)
    }
  }
  state[0] = a0
  state[1] = a1
  state[2] = a2
  state[3] = a3
  state[4] = a4
  state[5] = a5
  state[6] = a6
  state[7] = a7
  state[8] = a8
  state[9] = a9
  state[10] = a10
  state[11] = a11
  state[12] = a12
  state[13] = a13
  state[14] = a14
  state[15] = a15
  state[16] = a16
  state[17] = a17
  state[18] = a18
  state[19] = a19
  state[20] = a20
  state[21] = a21
  state[22] = a22
  state[23] = a23
  state[24] = a24
}
