import Foundation
import SQLite
import Testing

/// The clock of statements, compared with the system's.
@Suite struct StatementDurationTests {
  /// From the first reading on, soon after the clock was made and long after it.
  @Test(arguments: [0.0, 0.001, 0.05, 0.3]) func agreesWithTheSystem(_ seconds: Double) {
    var duration = StatementDuration()
    for _ in 0..<3 {
      let before = DispatchTime.now().uptimeNanoseconds
      duration.begin()
      let begun = DispatchTime.now().uptimeNanoseconds
      Thread.sleep(forTimeInterval: seconds)
      let least = DispatchTime.now().uptimeNanoseconds - begun
      let found = Double(duration.microseconds()) * 1000
      let most = DispatchTime.now().uptimeNanoseconds - before
      // One percent, and 20 microseconds between two readings.
      #expect(found >= Double(least) * 0.99 - 20_000 && found <= Double(most) * 1.01 + 20_000)
    }
  }

  @Test func isNoneForNothing() {
    var duration = StatementDuration()
    for _ in 0..<1000 {
      duration.begin()
      let found = duration.microseconds()
      #expect(found >= 0 && found < 1_000_000)
    }
  }
}
