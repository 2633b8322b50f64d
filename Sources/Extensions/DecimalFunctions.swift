internal import SQLite

/// `decimal(X)`, `decimal_add/sub/mul/cmp(X,Y)`, `decimal_sum(X)` and the collation `decimal`.
enum DecimalFunctions {
  private static let flags: FunctionDefinition.Flags = [.deterministic, .innocuous]

  static let all = [
    FunctionDefinition("decimal", 1, flags) { arguments, result in
      if let number = exact(arguments[0]) { give(number, result) }
    },
    FunctionDefinition("decimal_cmp", 2, flags) { arguments, result in
      guard let one = number(arguments[0]), let other = number(arguments[1]) else { return }
      result.set(Int64(Decimal.compare(one, other).signum()))
    },
    FunctionDefinition("decimal_add", 2, flags) { arguments, result in
      guard var one = number(arguments[0]), let other = number(arguments[1]) else { return }
      one.add(other)
      give(one, result)
    },
    FunctionDefinition("decimal_sub", 2, flags) { arguments, result in
      guard var one = number(arguments[0]), let other = number(arguments[1]) else { return }
      one.subtract(other)
      give(one, result)
    },
    FunctionDefinition("decimal_mul", 2, flags) { arguments, result in
      guard let one = number(arguments[0]), let other = number(arguments[1]) else { return }
      give(Decimal.product(one, other), result)
    },
    FunctionDefinition(aggregate: "decimal_sum", 1, flags) { Sum() },
  ]

  /// Functions that came with exact numbers.
  static let later = [
    FunctionDefinition("decimal_exp", 1, flags) { arguments, result in
      if let number = exact(arguments[0]) { result.set(text: number.scientificText) }
    },
    FunctionDefinition("decimal_pow2", 1, flags) { arguments, result in
      guard arguments[0].storageClass == .integer else { return }
      let power = arguments[0].integer
      guard power.magnitude <= greatestPower else { return result.setNoMemory() }
      result.set(text: Decimal(whole: 1, twoTo: Int(power)).scientificText)
    },
  ]

  private static let greatestPower = 20_000

  /// Returns a number; also from a REAL or its eight bytes if the dialect has that.
  private static func exact(_ argument: Argument) -> Decimal? {
    guard Dialect.current.hasExactReals else { return number(argument) }
    switch argument.storageClass {
    case .real: return Decimal(exactly: argument.real)
    case .blob:
      return argument.withBlob { bytes in
        guard bytes.count == 8 else { return nil }
        return Decimal(
          exactly: Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))))
      }
    default: return number(argument)
    }
  }

  static let collation = CollationDefinition("decimal") { Decimal.compare(Decimal($0), Decimal($1)) }

  fileprivate static func number(_ argument: Argument) -> Decimal? {
    argument.withText { $0.map { Decimal($0) } }
  }

  fileprivate static func give(_ number: Decimal, _ result: FunctionResult) { result.set(text: number.text) }
}

/// The sum of a group.
private final class Sum: AggregateState {
  private var sum = Decimal()

  override func add(_ arguments: Arguments) {
    if let number = DecimalFunctions.number(arguments[0]) { sum.add(number) }
  }
  override func remove(_ arguments: Arguments) {
    if let number = DecimalFunctions.number(arguments[0]) { sum.subtract(number) }
  }
  override func give(_ result: FunctionResult) { DecimalFunctions.give(sum, result) }
}
