import Files

/// Lets sessions of several processes that wait for their commits in `sync` write in turns.
///
/// A connection that finds SQLite's lock taken sleeps 1 ms, then 2, 5 and 10
/// (https://www.sqlite.org/c3ref/busy_timeout.html). That is longer than a commit takes, including
/// its upload. The turn only avoids these sleeps. A session that does not get it in time writes
/// anyway, as SQLite permits.
struct WriterQueue {
  private let file: File
  private var isTaken = false

  /// Fails (nil) if the record beside the database cannot be opened.
  init?(_ path: String) {
    guard let file = try? File(side: PositionFile.path(of: path), of: path) else { return nil }
    self.file = file
  }

  /// Waits for the turn, at most for `patience`.
  mutating func take() {
    guard !isTaken else { return }
    let end = Clock.monotonicSeconds + Self.patience
    var pause = UInt32(20)
    // Locks of open files have no wait with a limit. A commit takes some hundred microseconds.
    while !file.tryTurn() {
      guard Clock.monotonicSeconds < end else { return }
      Clock.sleep(microseconds: pause)
      pause = min(pause + 10, 200)
    }
    isTaken = true
  }

  /// Releases the turn.
  mutating func give() {
    guard isTaken else { return }
    isTaken = false
    _ = file.tryTurn(false)
  }

  /// The maximum wait in seconds.
  private static let patience = 0.01
}
