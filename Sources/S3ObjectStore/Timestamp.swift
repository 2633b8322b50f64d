import Glibc

/// Writes and reads the time of a request.
enum Timestamp {
  /// `20130524T000000Z`.
  static func compact(_ seconds: Int) -> String {
    let time = utc(seconds)
    return digits(time.tm_year + 1900, 4) + digits(time.tm_mon + 1, 2) + digits(time.tm_mday, 2) + "T"
      + digits(time.tm_hour, 2) + digits(time.tm_min, 2) + digits(time.tm_sec, 2) + "Z"
  }

  /// `Fri, 24 May 2013 00:00:00 GMT`.
  static func http(_ seconds: Int) -> String {
    let time = utc(seconds)
    let clock = [time.tm_hour, time.tm_min, time.tm_sec].map { digits($0, 2) }.joined(separator: ":")
    return "\(days[Int(time.tm_wday)]), \(digits(time.tm_mday, 2)) \(months[Int(time.tm_mon)]) "
      + "\(digits(time.tm_year + 1900, 4)) \(clock) GMT"
  }

  /// Returns the seconds since 1970 of a `Date` header; nil if it is not one.
  static func seconds(http text: String) -> Int? {
    let words = text.split { $0 == " " || $0 == ":" }
    guard words.count == 8, let month = months.firstIndex(of: String(words[2])) else { return nil }
    let numbers = [1, 3, 4, 5, 6].map { Int32(words[$0]) ?? -1 }
    guard numbers.allSatisfy({ $0 >= 0 }), numbers[1] <= 9999, numbers[0] <= 31 else { return nil }
    var time = tm()
    time.tm_mday = numbers[0]
    time.tm_mon = Int32(month)
    time.tm_year = numbers[1] - 1900
    time.tm_hour = numbers[2]
    time.tm_min = numbers[3]
    time.tm_sec = numbers[4]
    return timegm(&time)
  }

  static func now() -> Int { time(nil) }

  /// Seconds since the system started, which no change of the clock affects.
  static var sinceBoot: Double {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }

  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func utc(_ seconds: Int) -> tm {
    var seconds = time_t(seconds)
    var time = tm()
    gmtime_r(&seconds, &time)
    return time
  }

  private static func digits(_ number: Int32, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
