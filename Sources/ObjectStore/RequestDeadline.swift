/// The moment at which requests of the calling thread end, whatever they have done by then.
///
/// A caller sets it around its calls, through any number of wrappers of a store; requests of other threads are not bound by
/// it. A request that is under way then ends with `.timeout`, and one that would begin later is not sent. Without a deadline a
/// request lasts as long as bytes keep coming.
///
///     try RequestDeadline.enforce(Clock.monotonicSeconds + 5) { try store.put(key, bytes, .always) }
package enum RequestDeadline {
  @TaskLocal private static var moment: Double?

  /// Seconds of `CLOCK_MONOTONIC` (`Clock.monotonicSeconds`); nil if there is no deadline.
  package static var current: Double? { moment }

  /// Runs `body` with a deadline in seconds of `CLOCK_MONOTONIC`; an earlier one that is set already stays.
  package static func enforce<Value>(_ deadline: Double, _ body: () throws -> Value) rethrows -> Value {
    try $moment.withValue(min(deadline, moment ?? .infinity), operation: body)
  }
}
