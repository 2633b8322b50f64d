internal import CSQLite

/// SQLite's own random numbers, which `.testctrl prng_seed` makes repeatable.
package enum Randomness {
  /// Returns sixteen random bits.
  ///
  /// The corresponding C function is `sqlite3_randomness`.
  package static var sixteenBits: UInt16 {
    var bits: UInt16 = 0
    sqlite3_randomness(2, &bits)
    return bits
  }
}
