internal import Glibc

/// The system's clocks.
package enum Clock {
  /// Microseconds since 1970.
  ///
  /// The corresponding C function is `clock_gettime(CLOCK_REALTIME)`.
  package static var wallMicroseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }

  /// Seconds since the system started, including sleep.
  ///
  /// The corresponding C function is `clock_gettime(CLOCK_BOOTTIME)`.
  package static var bootSeconds: Double {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }

  /// Seconds from some moment in the past, never set back.
  ///
  /// The corresponding C function is `clock_gettime(CLOCK_MONOTONIC)`.
  package static var monotonicSeconds: Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }

  /// Nanoseconds from some moment in the past, never set back.
  package static var monotonicNanoseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
  }

  /// Seconds that local time is ahead of UTC at a time, in seconds since 1970.
  ///
  /// The corresponding C function is `localtime_r`.
  package static func zone(at seconds: Int64) -> Int64 {
    var time = time_t(seconds)
    var local = tm()
    tzset()
    guard localtime_r(&time, &local) != nil else { return 0 }
    return Int64(local.tm_gmtoff)
  }

  /// Waits for this number of microseconds, or until a signal.
  ///
  /// The corresponding C function is `usleep`.
  package static func sleep(microseconds: UInt32) { usleep(microseconds) }

  /// Pauses the calling thread, an hour at most.
  package static func sleep(seconds: Double) { sleep(microseconds: UInt32(min(max(seconds, 0), 3600) * 1e6)) }

  /// Waits for this number of seconds, or until `isOver` returns true or throws; it is called ten
  /// times a second.
  package static func wait(seconds: Double, until isOver: () throws -> Bool) rethrows {
    let end = monotonicSeconds + seconds
    while try !isOver() {
      let left = end - monotonicSeconds
      guard left > 0 else { return }
      sleep(seconds: min(left, 0.1))
    }
  }
}
