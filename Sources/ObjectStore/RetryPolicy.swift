/// The pauses between attempts of a request that failed: uploads, restores and followers share them.
package enum RetryPolicy {
  /// Longest pause of a reader, which a person waits for, and of a mirror; seconds.
  package static let longestForReader = 5.0
  package static let longestForMirror = 30.0

  /// Returns the seconds to wait after so many failures in a row: doubling from 0.1, up to `longest`, with jitter.
  package static func pause(after failures: Int, longest: Double) -> Double {
    min(0.1 * Double(1 << min(max(failures - 1, 0), 10)), longest) * .random(in: 0.75...1.25)
  }
}
