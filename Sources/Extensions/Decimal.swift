/// A number in decimal digits, of any length
/// (https://www.sqlite.org/floatingpoint.html#the_decimal_c_extension).
struct Decimal {
  var isNegative = false
  /// Each 0 to 9, the most significant first.
  var digits: [UInt8] = []
  /// The number of digits after the point.
  var fraction = 0

  /// Zero, in one digit.
  init() { digits = [0] }

  /// Reads a text; characters that are not part of a number are skipped.
  init(_ text: UnsafeRawBufferPointer) {
    var at = 0
    let end = text.count
    while at < end && isSpace(text[at]) { at += 1 }
    if at < end, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
      isNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    while at < end && text[at] == UInt8(ascii: "0") { at += 1 }
    digits.reserveCapacity(end - at)
    /// One more than the digits before the last point; 0 if there is none.
    var point = 0
    var exponent = 0
    while at < end {
      let byte = text[at]
      if byte &- 0x30 < 10 {
        digits.append(byte &- 0x30)
      } else if byte == UInt8(ascii: ".") {
        point = digits.count + 1
      } else if byte | 0x20 == UInt8(ascii: "e") {
        exponent = Self.exponent(text[(at + 1)...])
        break
      }
      at += 1
    }
    if point > 0 { fraction = digits.count - (point - 1) }
    if exponent > 0 { enlarge(by: exponent) } else if exponent < 0 { shrink(by: -exponent) }
  }

  /// Returns a power of ten, with at most seven digits.
  private static func exponent(_ text: Slice<UnsafeRawBufferPointer>) -> Int {
    var rest = text
    var isNegative = false
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      rest = rest.dropFirst()
    }
    var exponent = 0
    for byte in rest where byte &- 0x30 < 10 && exponent < 1_000_000 {
      exponent = exponent * 10 + Int(byte &- 0x30)
    }
    return isNegative ? -exponent : exponent
  }

  private mutating func enlarge(by exponent: Int) {
    let moved = min(exponent, fraction)
    fraction -= moved
    digits.append(contentsOf: repeatElement(0, count: exponent - moved))
  }

  private mutating func shrink(by exponent: Int) {
    var exponent = exponent
    // One digit stays before the point.
    let room = digits.count - fraction - 1
    if room >= exponent {
      fraction += exponent
      return
    }
    exponent -= room
    fraction = digits.count - 1
    digits.insert(contentsOf: repeatElement(0, count: exponent), at: 0)
    fraction += exponent
  }

  /// The exact decimal value of a number; nil for infinities and NaN.
  init?(exactly number: Double) {
    guard number.isFinite else { return nil }
    self.init()
    guard number != 0 else { return }
    // The smallest whole number of which it is a multiple by a power of two.
    let mantissa = number.significandBitPattern | (number.exponentBitPattern == 0 ? 0 : 1 << 52)
    let zeros = mantissa.trailingZeroBitCount
    let power = Int(max(number.exponentBitPattern, 1)) - 1075 + zeros
    self = Decimal(whole: mantissa >> UInt64(zeros), twoTo: power)
    isNegative = number < 0
  }

  /// A whole number times a power of two.
  init(whole: UInt64, twoTo power: Int) {
    self.init()
    digits = Array(String(whole).utf8.map { $0 - 0x30 })
    // Halving is multiplying by five, with one more digit after the point.
    var factor = Decimal(digit: power < 0 ? 5 : 2)
    var left = power.magnitude
    while left > 0 {
      if left & 1 == 1 { self = Decimal.product(self, factor) }
      left >>= 1
      if left > 0 { factor = Decimal.product(factor, factor) }
      factor.dropLeadingZeros()
    }
    dropLeadingZeros()
    guard power < 0 else { return }
    fraction = -power
    if digits.count <= fraction {
      digits.insert(contentsOf: repeatElement(0, count: fraction - digits.count + 1), at: 0)
    }
  }

  private init(digit: UInt8) { digits = [digit] }

  private mutating func dropLeadingZeros() {
    guard let first = digits.firstIndex(where: { $0 != 0 }) else { return }
    digits.removeFirst(first)
  }

  /// The number with one digit before the point, at least one after it, and a power of ten.
  var scientificText: [UInt8] {
    let sign = UInt8(ascii: isNegative ? "-" : "+")
    guard let first = digits.firstIndex(where: { $0 != 0 }), let last = digits.lastIndex(where: { $0 != 0 })
    else { return [sign] + Array("0.0e+00".utf8) }
    let exponent = wholeCount - first - 1
    let rest = first < last ? digits[(first + 1)...last].map { $0 + 0x30 } : [0x30]
    let power = String(exponent.magnitude)
    return [sign, digits[first] + 0x30, UInt8(ascii: ".")] + rest
      + Array("e\(exponent < 0 ? "-" : "+")\(power.utf8.count < 2 ? "0" : "")\(power)".utf8)
  }

  private var wholeCount: Int { digits.count - fraction }

  /// The number as text, without needless zeros in front.
  var text: [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(digits.count + 3)
    let isZero = digits.isEmpty || digits.count == 1 && digits[0] == 0
    if isNegative && !isZero { text.append(UInt8(ascii: "-")) }
    var at = 0
    var whole = wholeCount
    if whole <= 0 { text.append(UInt8(ascii: "0")) }
    while whole > 1 && digits[at] == 0 {
      at += 1
      whole -= 1
    }
    while whole > 0 {
      text.append(digits[at] + 0x30)
      at += 1
      whole -= 1
    }
    if fraction > 0 {
      text.append(UInt8(ascii: "."))
      while at < digits.count {
        text.append(digits[at] + 0x30)
        at += 1
      }
    }
    return text
  }

  // MARK: Comparing

  /// Less than, equal to or greater than 0; of equal numbers the one with more digits is greater.
  static func compare(_ one: Decimal, _ other: Decimal) -> Int {
    if one.isNegative != other.isNegative { return one.isNegative ? -1 : 1 }
    let (low, high) = one.isNegative ? (other, one) : (one, other)
    if low.wholeCount != high.wholeCount { return low.wholeCount - high.wholeCount }
    for index in 0..<min(low.digits.count, high.digits.count) where low.digits[index] != high.digits[index] {
      return Int(low.digits[index]) - Int(high.digits[index])
    }
    return low.digits.count - high.digits.count
  }

  // MARK: Arithmetic

  mutating func add(_ other: Decimal) {
    var whole = wholeCount
    if whole > 0 && digits[0] == 0 { whole -= 1 }
    whole = max(whole, other.wholeCount)
    let places = max(fraction, other.fraction)
    var other = other
    widen(to: whole + places + 1, fraction: places)
    other.widen(to: whole + places + 1, fraction: places)
    if isNegative == other.isNegative {
      var carry: UInt8 = 0
      for index in digits.indices.reversed() {
        let sum = digits[index] + other.digits[index] + carry
        carry = sum > 9 ? 1 : 0
        digits[index] = sum - carry * 10
      }
      return
    }
    if digits.lexicographicallyPrecedes(other.digits) {
      swap(&digits, &other.digits)
      isNegative.toggle()
    }
    var borrow: UInt8 = 0
    for index in digits.indices.reversed() {
      let taken = other.digits[index] + borrow
      borrow = digits[index] < taken ? 1 : 0
      digits[index] = digits[index] + borrow * 10 - taken
    }
  }

  mutating func subtract(_ other: Decimal) {
    var other = other
    other.isNegative.toggle()
    add(other)
  }

  /// Extends the number to this number of digits, and of digits after the point.
  private mutating func widen(to count: Int, fraction places: Int) {
    digits.append(contentsOf: repeatElement(0, count: places - fraction))
    fraction = places
    let missing = count - digits.count
    if missing > 0 {
      digits.insert(contentsOf: repeatElement(0, count: missing), at: 0)
    } else {
      // A zero that stood in front.
      digits.removeFirst(-missing)
    }
  }

  /// Returns the product, with as many digits after the point as the factor with fewer of them, or
  /// more if they are needed.
  static func product(_ one: Decimal, _ other: Decimal) -> Decimal {
    let count = one.digits.count + other.digits.count + 2
    var sums = [UInt64](repeating: 0, count: count)
    for index in one.digits.indices where one.digits[index] != 0 {
      let digit = UInt64(one.digits[index])
      for at in other.digits.indices { sums[index + at + 3] += digit * UInt64(other.digits[at]) }
    }
    var product = Decimal()
    product.isNegative = one.isNegative != other.isNegative
    product.fraction = one.fraction + other.fraction
    product.digits = [UInt8](repeating: 0, count: count)
    var carry: UInt64 = 0
    for index in sums.indices.reversed() {
      let sum = sums[index] + carry
      product.digits[index] = UInt8(sum % 10)
      carry = sum / 10
    }
    while product.fraction > min(one.fraction, other.fraction), product.digits.last == 0 {
      product.digits.removeLast()
      product.fraction -= 1
    }
    return product
  }
}

/// Returns whether a byte is white space, as C's `isspace` does.
func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte >= 9 && byte <= 13 }
