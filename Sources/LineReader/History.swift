internal import CReadline
internal import Glibc

/// Lines typed before, in memory and in a file that only its owner may read.
///
/// The lines of a statement become one entry when it is complete. In the file they stand one below the other, as sqlite3
/// writes them and reads them; a tab at the end of a line says that the entry goes on in the next.
final class History {
  /// Lines kept in the file.
  static let most: Int32 = 2000
  /// At the end of a line of the file: the entry goes on.
  ///
  /// To SQL it is white space.
  private static let goesOn: UInt8 = 9

  private let file: String?
  /// Entries that are not in the file yet.
  private var newEntries: Int32 = 0
  /// Lines of the statement being typed; nil if one of them must not be kept.
  private var statement: [[UInt8]]? = []
  /// Entries at the end that hold them.
  private var pieces: Int32 = 0

  init(_ file: String?) {
    self.file = file
    using_history()
    if let file { load(file) }
  }

  // MARK: Lines

  /// Adds a line unless it is the same as the one before; `isContinuation` where it belongs to the statement before it.
  func add(_ line: [UInt8], isContinuation: Bool) {
    if !isContinuation { join() }
    statement?.append(line)
    if !line.isEmpty, addEntry(line) { pieces += 1 }
  }

  /// A line is not kept: the statement it belongs to is not made one entry.
  func leaveOut() { statement = nil }

  /// The statement is given up: its lines stay what they are.
  func abandon() {
    pieces = 0
    statement = []
  }

  /// Makes one entry of the lines of the statement before.
  func join() {
    defer { abandon() }
    guard let statement, statement.count > 1 else { return }
    for _ in 0..<pieces { free(creadline_take_last_line()) }
    newEntries -= pieces
    _ = addEntry(Array(statement.joined(separator: [10])))
  }

  /// Whether there is an entry more now.
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

  /// Opens the file to append to it; nil if it is not a file of this user, such as what somebody else's link leads to.
  ///
  /// A link of our own is followed, as to a file that is kept elsewhere, or to `/dev/null` so that nothing is kept.
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

  /// Appends new entries to the file, so that several shells do not lose each other's.
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
