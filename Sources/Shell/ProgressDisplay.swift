internal import Dispatch
internal import Files
internal import Synchronization

/// Shows a bar on the terminal while work lasts longer than a second.
///
/// A timer asks the work for its progress; the work itself only counts. Call `hide` before you
/// write to the terminal.
package final class ProgressDisplay: Sendable {
  /// Bytes done, and the total if it is known; called on the timer's thread.
  package typealias Measure = @Sendable () -> (done: Int, total: Int?)

  private struct Work: Sendable {
    let title: String
    let began: Double
    let measure: Measure
  }
  private struct State {
    var works: [Work] = []
    /// The width of the line on the screen.
    var shown = 0
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "progress")
  private let isPossible: Bool
  /// Seconds that work may last without a bar, and seconds between two updates.
  private static let patience = 1.0
  private static let pause = 0.2

  /// Makes a display that shows something only if both outputs are terminals.
  package init() { isPossible = ProcessEnvironment.isTerminal(1) && ProcessEnvironment.isTerminal(2) }

  /// Runs `body`, and shows its progress.
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

  /// Runs `body`, which sets its measure of progress once it is known.
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

  /// Removes the bar from the screen, because something else will be written.
  ///
  /// It is drawn again later.
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
      // One write, and only blanks to erase it: every terminal can do that.
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
