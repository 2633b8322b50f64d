/// A moment of a replica, as a user writes it.
///
/// `17`, `before 17`, `last`, `before last`, `2026-11-30T21:50:00Z`, `2026-11-30 21:50`, `21:50`, `yesterday 14:00`, `-5m`,
/// `5 minutes ago`, `now`. A date without a zone is UTC, as all times are that the program prints. A time of day without a date
/// is that of the local clock.
package enum Moment: Hashable, Sendable {
  /// The state after a transaction.
  case transaction(UInt64)
  /// The state after the last transaction at or before a time, microseconds since 1970.
  case time(Int64)
  /// The newest state.
  case last
  /// The state before the last transaction.
  case beforeLast

  /// The time and the zone that relative moments refer to.
  package struct Clock {
    /// Microseconds since 1970.
    let now: Int64
    /// Seconds that the local clock is ahead of UTC at a time in seconds since 1970.
    let zone: (Int64) -> Int64

    package init(now: Int64, zone: @escaping (Int64) -> Int64) {
      self.now = now
      self.zone = zone
    }
  }

  /// Forms to show if a text is none of them.
  package static let forms =
    "17, before 17, last, before last, 2026-01-31T13:45:00Z, 21:50, yesterday 14:00 or -5m"

  /// Reads a text; nil if it is no moment.
  package init?(_ text: String, _ clock: Clock) {
    let words = text.lowercased().split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    guard let first = words.first else { return nil }
    switch (first, words.count) {
    case ("last", 1), ("newest", 1), ("now", 1):
      self = .last
    case ("before", 2) where ["last", "newest", "now"].contains(words[1]):
      self = .beforeLast
    case ("before", 2):
      guard let number = Bounds.transaction(words[1]), number > 0, Self.isNumber(words[1]) else { return nil }
      self = .transaction(number - 1)
    case (_, 1) where Self.isNumber(first):
      guard let number = Bounds.transaction(first) else { return nil }
      self = .transaction(number)
    default:
      guard let time = Self.time(text, words, clock) else { return nil }
      self = .time(time)
    }
  }

  private static func isNumber(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
  }

  private static func time(_ text: String, _ words: [String], _ clock: Clock) -> Int64? {
    if let time = ISOTime.parse(text) { return time }
    let second: Int64 = 1_000_000
    if words.count == 1, words[0].hasPrefix("-"), let span = span(String(words[0].dropFirst())) {
      return checked(clock.now, minus: span)
    }
    if words.last == "ago", let span = span(words.dropLast().joined()) {
      return checked(clock.now, minus: span)
    }
    var day: Int64 = 0
    var rest = words
    switch rest.first {
    case "today": rest.removeFirst()
    case "yesterday":
      day = -1
      rest.removeFirst()
    default: guard rest.count == 1 else { return nil }
    }
    guard rest.count <= 1 else { return nil }
    var ofDay: Int64 = 0
    if let text = rest.first {
      guard let seconds = timeOfDay(text) else { return nil }
      ofDay = seconds
    } else if words.count != 1 {
      return nil
    }
    let now = clock.now / second
    let local = now + clock.zone(now)
    let start = local - ((local % 86_400) + 86_400) % 86_400
    let wanted = start + day * 86_400 + ofDay
    // The zone of that moment may be another than today's.
    let guess = wanted - clock.zone(now)
    return (wanted - clock.zone(guess)) * second
  }

  private static func checked(_ now: Int64, minus span: Int64) -> Int64? {
    let (time, overflow) = now.subtractingReportingOverflow(span)
    return overflow || !Bounds.times.contains(time) ? nil : time
  }

  /// Seconds since midnight of `21:50` or `21:50:07`.
  private static func timeOfDay(_ text: String) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3 else { return nil }
    var numbers: [Int64] = []
    for part in parts {
      guard isNumber(String(part)), part.utf8.count <= 2, let number = Int64(part) else { return nil }
      numbers.append(number)
    }
    guard numbers[0] < 24, numbers[1] < 60, numbers.count == 2 || numbers[2] < 60 else { return nil }
    return numbers[0] * 3600 + numbers[1] * 60 + (numbers.count == 3 ? numbers[2] : 0)
  }

  private static let units: [(names: [String], seconds: Int64)] = [
    (["s", "sec", "secs", "second", "seconds"], 1), (["m", "min", "mins", "minute", "minutes"], 60),
    (["h", "hour", "hours"], 3600), (["d", "day", "days"], 86_400), (["w", "week", "weeks"], 604_800),
  ]

  /// Microseconds of `5m`, `90s`, `5minutes` or `2weeks`.
  private static func span(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, digits.utf8.count <= 9, let number = Int64(digits) else { return nil }
    let name = text.dropFirst(digits.count)
    guard let unit = units.first(where: { $0.names.contains { $0 == name } }) else { return nil }
    let (value, overflow) = number.multipliedReportingOverflow(by: unit.seconds * 1_000_000)
    return overflow ? nil : value
  }
}
