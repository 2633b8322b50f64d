internal import CSQLiteFiles
internal import Glibc

/// How long statements take, for next to nothing: two readings of the processor's counter for each, and one of the clock
/// for many.
package struct StatementDuration {
  private var start: UInt64
  /// A moment on both: the counter, and nanoseconds of the monotonic clock.
  private var anchor: (ticks: UInt64, nanoseconds: Int64)
  /// Between the last two such moments.
  private var microsecondsPerTick = 0.0
  /// So many ticks, some milliseconds, the clock is not asked again.
  private static let ticksBetweenLooks: Int64 = 1 << 24

  package init() {
    start = csqlite_ticks()
    anchor = (start, Self.nanoseconds)
  }

  private static var nanoseconds: Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
  }

  /// A statement begins.
  package mutating func begin() { start = csqlite_ticks() }

  /// Microseconds since it began; never less than none.
  package mutating func microseconds() -> Int64 {
    let now = csqlite_ticks()
    let sinceAnchor = Int64(bitPattern: now &- anchor.ticks)
    if microsecondsPerTick == 0 || sinceAnchor > Self.ticksBetweenLooks || sinceAnchor < 0 { look(now) }
    let ticks = Int64(bitPattern: now &- start)
    // A processor whose counter was set back, as when a virtual machine moves, is believed no more than this.
    return ticks > 0 ? Int64(Double(ticks) * microsecondsPerTick) : 0
  }

  private mutating func look(_ now: UInt64) {
    let nanoseconds = Self.nanoseconds
    let ticks = Int64(bitPattern: now &- anchor.ticks)
    if ticks > 0 { microsecondsPerTick = Double(nanoseconds - anchor.nanoseconds) / Double(ticks) / 1000 }
    anchor = (now, nanoseconds)
  }
}
