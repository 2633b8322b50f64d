/// The moment at which all requests of the calling thread must end.
///
/// A caller sets it around its calls, through any number of stores that wrap others. It does not
/// bind other threads. A request that runs at that moment fails with `.timeout`, and a later one is
/// not sent. Without a deadline a request lasts as long as bytes arrive.
///
///     try RequestDeadline.enforce(Clock.monotonicSeconds + 5) { try store.put(key, bytes, .always) }
package enum RequestDeadline {
  @TaskLocal private static var moment: Double?

  /// Seconds of `CLOCK_MONOTONIC` (`Clock.monotonicSeconds`); nil if there is no deadline.
  package static var current: Double? { moment }

  /// Runs `body` with a deadline in seconds of `CLOCK_MONOTONIC`.
  ///
  /// An earlier deadline stays.
  package static func enforce<Value>(_ deadline: Double, _ body: () throws -> Value) rethrows -> Value {
    try $moment.withValue(min(deadline, moment ?? .infinity), operation: body)
  }
}
