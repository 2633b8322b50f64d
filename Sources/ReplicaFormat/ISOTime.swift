/// Times as ISO 8601 text, in UTC (https://www.rfc-editor.org/rfc/rfc3339).
package enum ISOTime {
  /// Writes microseconds since 1970 as `2026-11-22T19:00:00.123456Z`.
  package static func text(_ microseconds: Int64) -> String {
    let (seconds, fraction) = floorDivide(microseconds, 1_000_000)
    let (days, time) = floorDivide(seconds, 86_400)
    let (year, month, day) = date(ofDay: days)
    func digits(_ number: Int64, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(width - text.utf8.count, 0)) + text
    }
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(digits(time / 3600, 2)):"
      + "\(digits(time / 60 % 60, 2)):\(digits(time % 60, 2)).\(digits(fraction, 6))Z"
  }

  /// Reads `YYYY-MM-DD`, then optionally `T` or a space, `HH:MM`, `:SS`, a fraction, and `Z` or
  /// `+HH:MM`.
  ///
  /// Returns microseconds since 1970, or nil for anything else. Without a zone it is UTC.
  package static func parse(_ text: String) -> Int64? {
    var rest = Substring(text)
    func number(_ width: Int) -> Int64? {
      let digits = rest.prefix(width)
      guard digits.utf8.count == width, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
      rest = rest.dropFirst(width)
      return Int64(digits)
    }
    func take(_ characters: String) -> Character? {
      guard let first = rest.first, characters.contains(first) else { return nil }
      rest = rest.dropFirst()
      return first
    }
    guard let year = number(4), take("-") != nil, let month = number(2), take("-") != nil,
      let day = number(2),
      (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    var seconds = dayNumber(year, month, day) * 86_400
    guard date(ofDay: seconds / 86_400).day == day || seconds < 0 else { return nil }
    var micros: Int64 = 0
    if take("T t") != nil {
      guard let hour = number(2), take(":") != nil, let minute = number(2), hour < 24, minute < 60 else {
        return nil
      }
      seconds += hour * 3600 + minute * 60
      if take(":") != nil {
        guard let second = number(2), second < 61 else { return nil }
        seconds += second
        if take(".,") != nil {
          let digits = rest.prefix { $0.isNumber && $0.isASCII }
          guard !digits.isEmpty, let value = Int64(digits.prefix(6)) else { return nil }
          rest = rest.dropFirst(digits.count)
          micros = (0..<max(6 - digits.count, 0)).reduce(value) { value, _ in value * 10 }
        }
      }
      if let sign = take("+-") {
        guard let hours = number(2), hours < 24 else { return nil }
        _ = take(":")
        guard let minutes = number(2) else { return nil }
        seconds -= (sign == "+" ? 1 : -1) * (hours * 3600 + minutes * 60)
      } else {
        _ = take("Zz")
      }
    }
    return rest.isEmpty ? seconds * 1_000_000 + micros : nil
  }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: by)
    return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
  }

  /// Returns days since 1970 for a date of the Gregorian calendar.
  private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // The year begins in March, so that a leap day is its last day.
    let y = month <= 2 ? year - 1 : year
    let m = (month + 9) % 12
    return 365 * y + floorDivide(y, 4).0 - floorDivide(y, 100).0 + floorDivide(y, 400).0 + (m * 306 + 5) / 10
      + day - 1 - 719_468
  }

  private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    var year = 1970 + floorDivide(day, 365).0
    while dayNumber(year, 1, 1) > day { year -= 1 }
    while dayNumber(year + 1, 1, 1) <= day { year += 1 }
    var month: Int64 = 12
    while dayNumber(year, month, 1) > day { month -= 1 }
    return (year, month, day - dayNumber(year, month, 1) + 1)
  }
}
