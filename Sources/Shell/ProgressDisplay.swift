internal import Dispatch
internal import Files
internal import Synchronization

/// Shows a bar on the terminal while something lasts longer than a second.
///
/// A timer asks the work how far it is; the work itself only counts. Whoever writes to the terminal calls `hide` first.
package final class ProgressDisplay: Sendable {
  /// Bytes done, and those there are if that is known; called from the timer's thread.
  package typealias Measure = @Sendable () -> (done: Int, total: Int?)

  private struct Work: Sendable {
    let title: String
    let began: Double
    let measure: Measure
  }
  private struct State {
    var works: [Work] = []
    /// Columns of the line on the screen.
    var shown = 0
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "progress")
  private let isPossible: Bool
  /// Seconds that work may last without a bar, and between two looks.
  private static let patience = 1.0
  private static let pause = 0.2

  /// A display that shows something only where both outputs are terminals.
  package init() { isPossible = ProcessEnvironment.isTerminal(1) && ProcessEnvironment.isTerminal(2) }

  /// Runs `body`, and shows how far it is.
  package func during<Value>(
    _ title: String, when isWanted: Bool, _ measure: @escaping Measure, _ body: () throws -> Value
  ) rethrows -> Value {
    guard isPossible && isWanted else { return try body() }
    state.withLock { $0.works.append(Work(title: title, began: Clock.monotonicSeconds, measure: measure)) }
    let timer = DispatchSource.makeTimerSource(queue: queue)
    timer.schedule(deadline: .now() + Self.patience, repeating: Self.pause)
    timer.setEventHandler { [weak self] in self?.draw() }
    timer.resume()
    defer {
      timer.cancel()
      state.withLock {
        Self.erase(&$0)
        $0.works.removeLast()
      }
    }
    return try body()
  }

  /// Runs `body`, which tells how far it is to be measured once it knows.
  package func during<Value>(
    _ title: String, when isWanted: Bool,
    _ body: (_ watch: @escaping (@escaping Measure) -> Void) throws -> Value
  ) rethrows -> Value {
    let known = LateMeasure()
    return try during(title, when: isWanted, { known.measure.withLock { $0 }?() ?? (0, nil) }) {
      try body { measure in known.measure.withLock { $0 = measure } }
    }
  }

  private final class LateMeasure: Sendable { let measure = Mutex<Measure?>(nil) }

  /// Takes the bar off the screen, as something else is to be written; it comes back.
  package func hide() { if isPossible { state.withLock { Self.erase(&$0) } } }

  private func draw() {
    state.withLock { state in
      guard let work = state.works.last else { return }
      let (done, total) = work.measure()
      let seconds = Clock.monotonicSeconds - work.began
      guard seconds >= Self.patience else { return }
      let line = ProgressBar(title: work.title, done: done, total: total, seconds: seconds)
        .line(width: ProcessEnvironment.terminalWidth)
      let rest = String(repeating: " ", count: max(0, state.shown - line.count))
      // In one write, and no more than blanks to take it off: any terminal can do that.
      StreamWriter(descriptor: StreamWriter.standardError).write("\r" + line + rest)
      state.shown = line.count + rest.count
    }
  }

  private static func erase(_ state: inout State) {
    guard state.shown > 0 else { return }
    StreamWriter(descriptor: StreamWriter.standardError)
      .write("\r" + String(repeating: " ", count: state.shown + 2) + "\r")
    state.shown = 0
  }
}
