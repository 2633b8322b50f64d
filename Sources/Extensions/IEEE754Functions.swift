internal import SQLite

/// `ieee754(X)`, `ieee754(M,E)` and related functions: numbers of the form M×2^E.
enum IEEE754Functions {
  static let all = [
    FunctionDefinition("ieee754", 1, .innocuous) { arguments, result in
      let parts = Parts(number(arguments[0]))
      result.set(text: "ieee754(\(parts.mantissa),\(parts.exponent))")
    },
    FunctionDefinition("ieee754", 2, .innocuous) { arguments, result in
      result.set(Parts(mantissa: arguments[0].integer, exponent: arguments[1].integer).number)
    },
    FunctionDefinition("ieee754_mantissa", 1, .innocuous) { arguments, result in
      result.set(Parts(number(arguments[0])).mantissa)
    },
    FunctionDefinition("ieee754_exponent", 1, .innocuous) { arguments, result in
      result.set(Parts(number(arguments[0])).exponent)
    },
    FunctionDefinition("ieee754_to_blob", 1, .innocuous) { arguments, result in
      switch arguments[0].storageClass {
      case .integer, .real:
        withUnsafeBytes(of: arguments[0].real.bitPattern.bigEndian) { result.set(blob: $0) }
      default: break
      }
    },
    FunctionDefinition("ieee754_from_blob", 1, .innocuous) { arguments, result in
      guard arguments[0].storageClass == .blob else { return }
      arguments[0].withBlob { if $0.count == 8 { result.set(double($0)) } }
    },
  ]

  /// `ieee754_inc(R,N)`: the N-th number after R.
  static let later = [
    FunctionDefinition("ieee754_inc", 2, .innocuous) { arguments, result in
      let bits = Int64(bitPattern: arguments[0].real.bitPattern) &+ arguments[1].integer
      result.set(Double(bitPattern: UInt64(bitPattern: bits)))
    }
  ]

  private static func double(_ bytes: UnsafeRawBufferPointer) -> Double {
    Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
  }

  /// Returns a number, also from the eight bytes of a blob.
  private static func number(_ argument: Argument) -> Double {
    guard argument.storageClass == .blob else { return argument.real }
    return argument.withBlob { $0.count == 8 ? double($0) : argument.real }
  }
}

/// A number as an integer times a power of two.
private struct Parts {
  var mantissa: Int64
  var exponent: Int64

  init(mantissa: Int64, exponent: Int64) {
    self.mantissa = mantissa
    self.exponent = exponent
  }

  /// The smallest possible mantissa, with its sign.
  init(_ number: Double) {
    let bits = number.magnitude.bitPattern
    if bits == 0 {
      (mantissa, exponent) = number.sign == .minus ? (1, -3071) : (0, -1075)
      return
    }
    var exponent = Int64(bits >> 52)
    var mantissa = Int64(bits & (1 << 52 - 1))
    if exponent == 0 { mantissa <<= 1 } else { mantissa |= 1 << 52 }
    while exponent < 1075 && mantissa > 0 && mantissa & 1 == 0 {
      mantissa >>= 1
      exponent += 1
    }
    self.mantissa = number.sign == .minus ? -mantissa : mantissa
    self.exponent = exponent - 1075
  }

  /// The double of this exponent and mantissa, of which 53 bits count.
  var number: Double {
    let exponent = min(max(self.exponent, -10000), 10000)
    var magnitude = mantissa.magnitude
    if magnitude == 0 && exponent > -1000 && exponent < 1000 { return 0 }
    var power = exponent
    while magnitude >> 53 != 0 {
      magnitude >>= 1
      power += 1
    }
    while magnitude != 0 && magnitude >> 52 == 0 && power > -1074 {
      magnitude <<= 1
      power -= 1
    }
    var biased = power + 1075
    if biased <= 0 {
      magnitude = biased <= -63 ? 0 : magnitude >> UInt64(1 - biased)
      biased = 0
    } else if biased > 0x7ff {
      biased = 0x7ff
    } else if biased == 1 && magnitude >> 52 == 0 {
      biased = 0
    }
    let bits = magnitude & (1 << 52 - 1) | UInt64(biased) << 52 | (mantissa < 0 ? 1 << 63 : 0)
    return Double(bitPattern: bits)
  }
}
