internal import SQLite

/// `median(X)`, `percentile(X,P)`, `percentile_cont(X,F)` and `percentile_disc(X,F)`
/// (https://www.sqlite.org/percentile.html).
enum PercentileFunctions {
  static let all = [
    FunctionDefinition(aggregate: "median", 1, .innocuous) { Percentile("median", greatest: nil) },
    FunctionDefinition(aggregate: "percentile", 2, .innocuous) { Percentile("percentile", greatest: 100) },
    FunctionDefinition(aggregate: "percentile_cont", 2, .innocuous) {
      Percentile("percentile_cont", greatest: 1)
    },
    FunctionDefinition(aggregate: "percentile_disc", 2, .innocuous) {
      Percentile("percentile_disc", greatest: 1, isOneOfThem: true)
    },
  ]
}

/// The numbers of a group, and the wanted percentile.
private final class Percentile: AggregateState {
  private let name: String
  /// The number that the second argument is a part of; nil without one, for a half.
  private let greatest: Double?
  /// Whether the result is one of the numbers, not a value between two.
  private let isOneOfThem: Bool
  private var fraction: Double?
  private var numbers: [Double] = []
  private var failure: String?

  init(_ name: String, greatest: Double?, isOneOfThem: Bool = false) {
    self.name = name
    self.greatest = greatest
    self.isOneOfThem = isOneOfThem
  }

  override func add(_ arguments: Arguments) {
    if let greatest {
      let value = arguments[1].real
      guard [.integer, .real].contains(arguments[1].storageClass), (0...greatest).contains(value) else {
        failure = "the fraction argument to \(name)() is not between 0.0 and \(greatest)"
        return
      }
      guard fraction == nil || fraction == value / greatest else {
        failure = "the fraction argument to \(name)() is not the same for all input rows"
        return
      }
      fraction = value / greatest
    } else {
      fraction = 0.5
    }
    guard let number = number(arguments[0]) else { return }
    numbers.append(number)
  }

  override func remove(_ arguments: Arguments) {
    guard let number = number(arguments[0]), let at = numbers.firstIndex(of: number) else { return }
    numbers.remove(at: at)
  }

  private func number(_ argument: Argument) -> Double? {
    switch argument.storageClass {
    case .null: return nil
    case .integer, .real:
      if argument.real.isInfinite { failure = "Inf input to \(name)()" }
      return argument.real
    default:
      failure = "input to \(name)() is not numeric"
      return nil
    }
  }

  override func give(_ result: FunctionResult) {
    if let failure { return result.fail(failure) }
    guard let fraction, !numbers.isEmpty else { return }
    numbers.sort()
    let place = fraction * Double(numbers.count - 1)
    let below = Int(place)
    guard !isOneOfThem, below + 1 < numbers.count else { return result.set(numbers[below]) }
    result.set(numbers[below] + (numbers[below + 1] - numbers[below]) * (place - Double(below)))
  }
}
