internal import SQLite

/// `base64(X)` and `base85(X)`: the text of a blob, and the blob of a text
/// (https://www.sqlite.org/src/file/ext/misc/base64.c describes their use).
enum BaseFunctions {
  private static let flags: FunctionDefinition.Flags = [.deterministic, .innocuous, .directOnly]

  static let all = [
    FunctionDefinition("base64", 1, flags) { arguments, result in
      convert(arguments[0], result, encode64, decode64, "base64 accepts only blob or text")
    },
    FunctionDefinition("base85", 1, flags) { arguments, result in
      convert(arguments[0], result, encode85, decode85, "base85 accepts only blob or text.")
    },
  ]

  private static func convert(
    _ value: Argument, _ result: FunctionResult, _ encode: (UnsafeRawBufferPointer) -> [UInt8],
    _ decode: (UnsafeRawBufferPointer) -> [UInt8], _ complaint: String
  ) {
    switch value.storageClass {
    case .blob:
      value.withBlob { bytes in
        // Both need at most twice as many bytes, including line breaks.
        guard bytes.count <= result.greatestLength / 2 else { return result.setTooBig() }
        result.set(text: encode(bytes))
      }
    case .text: value.withText { result.set(blob: $0.map(decode) ?? []) }
    default: result.fail(complaint)
    }
  }

  /// Digits with a line break after each `width` and at the end.
  private static func lines(_ digits: [UInt8], width: Int) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(digits.count + digits.count / width + 1)
    for start in stride(from: 0, to: digits.count, by: width) {
      text += digits[start..<min(start + width, digits.count)]
      text.append(10)
    }
    return text
  }

  // MARK: 64

  private static let digits64 = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")

  private static func encode64(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var digits: [UInt8] = []
    digits.reserveCapacity(bytes.count / 3 * 4 + 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let word = group.reduce(0) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
      for place in 0..<4 {
        digits.append(place > group.count ? pad : digits64[Int(word >> UInt32(18 - 6 * place) & 63)])
      }
    }
    return lines(digits, width: 72)
  }

  /// Decodes base 64; other characters are skipped before a group of four, and end the text within
  /// one.
  private static func decode64(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 3)
    var group: [UInt8] = []
    func close() {
      guard group.count > 1 else { return group = [] }
      let word = (0..<4).reduce(UInt32(0)) { $0 << 6 | ($1 < group.count ? UInt32(group[$1]) : 0) }
      for place in 0..<group.count - 1 {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * place)))
      }
      group = []
    }
    for byte in text {
      if let value = value64(byte) {
        group.append(value)
        if group.count == 4 { close() }
      } else if byte == pad || isSpace(byte) {
        close()
      } else if !group.isEmpty {
        break
      }
    }
    close()
    return bytes
  }

  private static func value64(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  // MARK: 85

  /// Digits are `#` to `&`, then `*` to `z`.
  private static func digit85(_ value: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: value < 4 ? value + 35 : value + 38)
  }

  private static func value85(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "#")...UInt8(ascii: "&"): UInt32(byte) - 35
    case UInt8(ascii: "*")...UInt8(ascii: "z"): UInt32(byte) - 38
    default: nil
    }
  }

  private static func encode85(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var digits: [UInt8] = []
    digits.reserveCapacity(bytes.count / 4 * 5 + 5)
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let group = bytes[start..<min(start + 4, bytes.count)]
      var word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      var places: [UInt8] = []
      for _ in 0...group.count {
        places.append(digit85(word % 85))
        word /= 85
      }
      digits += places.reversed()
    }
    return lines(digits, width: 80)
  }

  /// Returns the decoded bytes; a group of five digits ends early at another character.
  private static func decode85(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 5 * 4 + 4)
    var word: UInt32 = 0
    var count = 0
    func close() {
      for place in stride(from: count - 2, through: 0, by: -1) {
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * place)))
      }
      (word, count) = (0, 0)
    }
    for byte in text {
      guard let value = value85(byte) else {
        close()
        continue
      }
      word = word &* 85 &+ value
      count += 1
      if count == 5 { close() }
    }
    close()
    return bytes
  }
}
