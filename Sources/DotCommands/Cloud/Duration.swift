/// Parses durations such as `12h`.
package enum Duration {
  /// Returns the seconds of `45s`, `90m`, `12h`, `30d` or `2w`; nil for anything else.
  package static func seconds(_ text: String) -> Double? {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    guard let last = text.last, let unit = units[last], let number = Double(text.dropLast()),
      number >= 0, number * unit < 1e10
    else { return nil }
    return number * unit
  }
}
