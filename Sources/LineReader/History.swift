internal import CReadline
internal import Glibc

/// Lines typed before, in memory and in a file that only its owner may read.
final class History {
  /// Lines kept in the file.
  static let most: Int32 = 2000

  private let file: String?
  private var newLines: Int32 = 0

  init(_ file: String?) {
    self.file = file
    using_history()
    if let file { read_history(file) }
  }

  /// Adds a line unless it is the same as the one before.
  func add(_ line: UnsafePointer<CChar>) {
    if let last = creadline_last_line(), strcmp(last, line) == 0 { return }
    add_history(line)
    newLines += 1
  }

  /// Appends new lines to the file, so that several shells do not lose each other's.
  func save() {
    guard let file, newLines > 0 else { return }
    let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    fchmod(descriptor, 0o600)
    close(descriptor)
    append_history(newLines, file)
    history_truncate_file(file, Self.most)
    newLines = 0
  }
}
