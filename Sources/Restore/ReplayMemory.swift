import Files
import SQLite

/// The limit of SQLite's memory during a replay of statements that an attacker may have written.
///
/// It is a fixed amount, plus four times the longest text of a statement so far, plus twice the
/// size of the database so far. SQLite keeps a statement's text, its literal, the value and the
/// record; and the pages that a transaction changes.
final class ReplayMemory {
  private static let fixed = 160 << 20
  private static let copiesOfText = 4
  private static let copiesOfDatabase = 2

  private let path: String
  private let allowance: HeapAllowance
  private var longest = 0
  private var size = 0

  init(_ path: String) {
    self.path = path
    allowance = HeapAllowance(bytes: Self.fixed)
  }

  func end() { allowance.end() }

  /// Must be called before a statement with a text of this many bytes.
  func allow(text count: Int) {
    guard count > longest else { return }
    longest = count
    raise()
  }

  /// Must be called before a statement that may change much of the database.
  func allowDatabase() {
    guard let now = (try? FileInfo.of(path))??.size, now > size else { return }
    size = now
    raise()
  }

  private func raise() {
    allowance.raise(to: Self.fixed + Self.copiesOfText * longest + Self.copiesOfDatabase * size)
  }

  var text: String { "\(allowance.bytes >> 20) MiB" }
}
