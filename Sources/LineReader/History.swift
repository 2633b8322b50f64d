internal import CReadline
internal import Glibc

/// The typed lines, in memory and in a file that only its owner may read.
///
/// The lines of a statement become one entry when it is complete. In the file they are separate
/// lines, in sqlite3's format. A tab at the end of a line means that the entry continues in the
/// next one.
final class History {
  /// The maximum number of lines in the file.
  static let most: Int32 = 2000
  /// The mark at the end of a line: the entry continues.
  ///
  /// For SQL it is white space.
  private static let goesOn: UInt8 = 9

  private let file: String?
  /// Entries that are not in the file yet.
  private var newEntries: Int32 = 0
  /// The lines of the statement being typed; nil if one of them must not be kept.
  private var statement: [[UInt8]]? = []
  /// The entries at the end that hold them.
  private var pieces: Int32 = 0

  init(_ file: String?) {
    self.file = file
    using_history()
    if let file { load(file) }
  }

  // MARK: Lines

  /// Adds a line unless it equals the one before; `isContinuation` is true if it belongs to the
  /// statement before it.
  func add(_ line: [UInt8], isContinuation: Bool) {
    if !isContinuation { join() }
    statement?.append(line)
    if !line.isEmpty, addEntry(line) { pieces += 1 }
  }

  /// Notes that a line is not kept: its statement does not become one entry.
  func leaveOut() { statement = nil }

  /// Notes that the statement is discarded: its lines stay separate entries.
  func abandon() {
    pieces = 0
    statement = []
  }

  /// Joins the lines of the last statement into one entry.
  func join() {
    defer { abandon() }
    guard let statement, statement.count > 1 else { return }
    for _ in 0..<pieces { free(creadline_take_last_line()) }
    newEntries -= pieces
    _ = addEntry(Array(statement.joined(separator: [10])))
  }

  /// Returns whether there is one more entry now.
  private func addEntry(_ text: [UInt8]) -> Bool {
    let before = newEntries
    Self.withCString(text) { line in
      if let last = creadline_last_line(), strcmp(last, line) == 0 { return }
      add_history(line)
      newEntries += 1
    }
    return newEntries > before
  }

  private static func withCString(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Void) {
    (bytes + [0]).withUnsafeBytes { raw in
      if let start = raw.baseAddress { body(start.assumingMemoryBound(to: CChar.self)) }
    }
  }

  // MARK: File

  /// Opens the file to append to it; nil if it is not a file of this user, for instance the target
  /// of another user's link.
  ///
  /// The user's own link is followed, for instance to a file elsewhere, or to `/dev/null` so that
  /// nothing is kept.
  private static func openOwn(_ file: String) -> Int32? {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC
    var descriptor = open(file, flags | O_NOFOLLOW, 0o600)
    var status = stat()
    if descriptor < 0, errno == ELOOP, lstat(file, &status) == 0, status.st_uid == geteuid() {
      descriptor = open(file, flags, 0o600)
    }
    guard descriptor >= 0 else { return nil }
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(),
      status.st_mode & 0o077 == 0 || fchmod(descriptor, 0o600) == 0
    else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  private func load(_ file: String) {
    guard let stream = fopen(file, "re") else { return }
    defer { fclose(stream) }
    var buffer: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(buffer) }
    var entry: [UInt8] = []
    while true {
      let count = getline(&buffer, &capacity, stream)
      guard count >= 0, let buffer else { break }
      var line = Array(UnsafeRawBufferPointer(start: buffer, count: count))
      if line.last == 10 { line.removeLast() }
      if line.last == Self.goesOn {
        entry += line.dropLast()
        entry.append(10)
        continue
      }
      entry += line
      if !entry.isEmpty { Self.withCString(entry) { add_history($0) } }
      entry = []
    }
    if !entry.isEmpty { Self.withCString(entry) { add_history($0) } }
  }

  /// Appends new entries to the file, so that several shells do not lose each other's entries.
  func save() {
    join()
    guard let file, newEntries > 0 else { return }
    guard let descriptor = Self.openOwn(file) else { return }
    var text: [UInt8] = []
    for index in stride(from: newEntries - 1, through: 0, by: -1) {
      guard let line = creadline_line_from_end(index) else { continue }
      for byte in UnsafeRawBufferPointer(start: line, count: strlen(line)) {
        if byte == 10 { text.append(Self.goesOn) }
        text.append(byte)
      }
      while text.last == Self.goesOn { text.removeLast() }
      text.append(10)
    }
    var rest = text[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
    close(descriptor)
    history_truncate_file(file, Self.most)
    newEntries = 0
  }
}
