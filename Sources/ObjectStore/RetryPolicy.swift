/// The pauses between attempts of a failed request, for uploads, restores and followers.
package enum RetryPolicy {
  /// The maximum pause of a reader, for which a person waits, and of a mirror; seconds.
  package static let longestForReader = 5.0
  package static let longestForMirror = 30.0

  /// Returns the seconds to wait after this number of failures in a row: doubling from 0.1, up to
  /// `longest`, with jitter.
  package static func pause(after failures: Int, longest: Double) -> Double {
    min(0.1 * Double(1 << min(max(failures - 1, 0), 10)), longest) * .random(in: 0.75...1.25)
  }
}
