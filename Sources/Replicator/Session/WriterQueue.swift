import Files

/// Has the sessions that wait for their commits in `sync`, of several processes on one database, write one after the other.
///
/// Who finds SQLite's lock taken sleeps a millisecond, then two, five, ten (https://www.sqlite.org/c3ref/busy_timeout.html):
/// longer than a commit takes, and than it takes to store it. This only spares those sleeps: who does not get the turn
/// in time writes all the same, as SQLite allows.
struct WriterQueue {
  private let file: File
  private var isTaken = false

  /// Nil where the record beside the database cannot be opened.
  init?(_ path: String) {
    guard let file = try? File(side: PositionFile.path(of: path), of: path) else { return nil }
    self.file = file
  }

  /// Waits for the turn, at most for some milliseconds.
  mutating func take() {
    guard !isTaken else { return }
    let end = Clock.monotonicSeconds + Self.patience
    var pause = UInt32(20)
    // There is no lock of open files to wait for with an end; a commit takes some hundred microseconds.
    while !file.tryTurn() {
      guard Clock.monotonicSeconds < end else { return }
      Clock.sleep(microseconds: pause)
      pause = min(pause + 10, 200)
    }
    isTaken = true
  }

  /// Gives the turn to whoever asks next.
  mutating func give() {
    guard isTaken else { return }
    isTaken = false
    _ = file.tryTurn(false)
  }

  /// Seconds to wait at most.
  private static let patience = 0.01
}
