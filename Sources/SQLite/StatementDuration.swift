internal import CSQLiteFiles
internal import Glibc

/// Measures how long statements take, at little cost: two readings of the processor's counter for
/// each, and one of the clock for many.
package struct StatementDuration {
  private var start: UInt64
  /// A moment on both clocks: the counter, and nanoseconds of the monotonic clock.
  private var anchor: (ticks: UInt64, nanoseconds: Int64)
  /// The rate between the last two such moments.
  private var microsecondsPerTick = 0.0
  /// For this number of ticks, some milliseconds, the clock is not read again.
  private static let ticksBetweenLooks: Int64 = 1 << 24

  package init() {
    anchor = Self.moment()
    start = anchor.ticks
  }

  /// Reads both clocks without a pause in between, which would look like a difference of their
  /// rates.
  private static func moment() -> (ticks: UInt64, nanoseconds: Int64) {
    var now = timespec()
    var before: UInt64 = 0
    for _ in 0..<5 {
      before = csqlite_ticks()
      clock_gettime(CLOCK_MONOTONIC, &now)
      if csqlite_ticks() &- before < Self.ticksWithoutPause { break }
    }
    return (before, Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec))
  }
  private static let ticksWithoutPause: UInt64 = 1 << 15

  /// Begins a statement.
  package mutating func begin() { start = csqlite_ticks() }

  /// Microseconds since it began; never negative.
  package mutating func microseconds() -> Int64 {
    let now = csqlite_ticks()
    let sinceAnchor = Int64(bitPattern: now &- anchor.ticks)
    if microsecondsPerTick == 0 || sinceAnchor > Self.ticksBetweenLooks || sinceAnchor < 0 { look() }
    // The counter was set back, perhaps because a virtual machine has moved.
    let ticks = Int64(bitPattern: now &- start)
    return ticks > 0 ? Int64(Double(ticks) * microsecondsPerTick) : 0
  }

  private mutating func look() {
    let now = Self.moment()
    let ticks = Int64(bitPattern: now.ticks &- anchor.ticks)
    if ticks > 0 {
      microsecondsPerTick = Double(now.nanoseconds - anchor.nanoseconds) / Double(ticks) / 1000
    }
    anchor = now
  }
}
