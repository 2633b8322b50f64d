internal import Files
internal import SQLite

/// `usleep(N)`: waits for N microseconds.
enum SleepFunction {
  static let all = [
    FunctionDefinition("usleep", 1) { arguments, result in
      let microseconds = arguments[0].int32
      if microseconds > 0 { Clock.sleep(microseconds: UInt32(microseconds)) }
      result.set(Int64(microseconds))
    }
  ]
}
