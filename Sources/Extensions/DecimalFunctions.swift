internal import SQLite

/// `decimal(X)`, `decimal_add/sub/mul/cmp(X,Y)`, `decimal_sum(X)` and the collation `decimal`.
enum DecimalFunctions {
  private static let flags: FunctionDefinition.Flags = [.deterministic, .innocuous]

  static let all = [
    FunctionDefinition("decimal", 1, flags) { arguments, result in
      if let number = number(arguments[0]) { give(number, result) }
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
