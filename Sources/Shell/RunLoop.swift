internal import Bytes
internal import Render

/// Reads lines, collects them into statements, and runs these.
struct RunLoop {
  private let session: Session
  private let source: any LineSource
  private let isTyped: Bool
  private let group = ByteBuffer(capacity: 1 << 12)
  private var scanner = SQLScanner()
  private var firstLine = 0
  private var errorCount = 0

  /// Reads `source`; `isTyped` is true for a person at the prompt.
  init(_ source: any LineSource, in session: Session, isTyped: Bool) {
    self.session = session
    self.source = source
    self.isTyped = isTyped
  }

  /// Runs everything to the end of the source, or to the first error with bail; returns the number
  /// of errors.
  mutating func run() throws -> Int {
    guard session.input.depth < InputState.deepest else {
      session.errors.print(
        "Input nesting limit (\(InputState.deepest)) reached at line \(session.input.lineNumber)."
          + " Check recursion.")
      return 1
    }
    session.input.depth += 1
    let outerLine = session.input.lineNumber
    session.input.lineNumber = 0
    let outerSource = session.input.source
    session.input.source = source
    defer {
      session.input.source = outerSource
      session.input.depth -= 1
      session.input.lineNumber = outerLine
    }
    while errorCount == 0 || !session.settings.bail || isTyped {
      session.output.flush()
      if session.input.isEnding() { return errorCount }
      if session.output.isCutOff && !(isTyped && session.output.leavePipe()) { throw SessionExit(code: 1) }
      let start = startLine()
      let result = source.appendLine(to: group, isContinuation: start > 0)
      if result == .interrupted {
        clear()
        continue
      }
      guard result == .line else {
        if isTyped { session.output.printToStandardOutput("") }
        if start > 0 { group.truncate(to: start - 1) }
        break
      }
      if session.input.wasInterrupted() {
        guard isTyped else {
          clear()
          break
        }
        session.input.forgetInterrupt()
      }
      session.input.lineNumber += 1
      guard try take(from: start) else { return errorCount }
    }
    if session.input.isEnding() { return errorCount }
    if !group.isEmpty && (errorCount == 0 || !session.settings.bail || isTyped) { try runGroup() }
    return errorCount
  }

  /// Adds a line break to the collected text; returns the beginning of the next line.
  private func startLine() -> Int {
    if !group.isEmpty { group.append(10) }
    return group.count
  }

  /// Handles the line that begins at `start`; returns false if input ends here.
  private mutating func take(from start: Int) throws -> Bool {
    if scanner.isPlain && isTerminator(from: start) && (start == 0 || scanner.isCompleteWithSemicolon) {
      group.truncate(to: start)
      group.append(UInt8(ascii: ";"))
    }
    scanner.scanLine(group, from: start)
    if isTyped { session.input.open.scan(group, from: start) }
    if start == 0 {
      if scanner.isBlank {
        echo()
        clear()
        return true
      }
      if group.count > 0 && (group[0] == UInt8(ascii: ".") || group[0] == UInt8(ascii: "#")) {
        return try takeCommand()
      }
      dropLeadingSpaces()
      firstLine = session.input.lineNumber
    }
    if scanner.isComplete {
      try runGroup()
      return session.exitCode == nil
    } else if scanner.isBlank {
      echo()
      clear()
    }
    return true
  }

  private mutating func takeCommand() throws -> Bool {
    echo()
    let line = group.bytes
    clear()
    guard line[0] == UInt8(ascii: ".") else { return true }
    let outcome = try session.runCommand(line)
    errorCount += session.inputDidComplete()
    switch outcome {
    case .done: return true
    case .failed:
      errorCount += 1
      return session.exitCode == nil
    case .quit: return false
    }
  }

  private mutating func runGroup() throws {
    echo()
    group.append(0)
    let succeeded = try session.runGroup(group, line: isTyped ? nil : firstLine)
    if !succeeded { errorCount += 1 }
    clear()
    errorCount += session.inputDidComplete()
  }

  private func echo() {
    guard session.settings.echo else { return }
    session.output.sink.buffer.append(group)
    session.output.sink.buffer.append(10)
  }

  private mutating func clear() {
    group.removeAll()
    scanner = SQLScanner()
    if isTyped { session.input.open = OpenParts() }
  }

  private func dropLeadingSpaces() {
    var spaces = 0
    while spaces < group.count && ASCII.isSpace(group[spaces]) { spaces += 1 }
    if spaces > 0 { group.removeFirst(spaces) }
  }

  /// Returns whether the line is only `go` or `/`, which end a statement in other databases'
  /// shells.
  private func isTerminator(from start: Int) -> Bool {
    var at = start
    let count = group.count
    while at < count && ASCII.isSpace(group[at]) { at += 1 }
    guard at < count else { return false }
    let first = group[at]
    if first == UInt8(ascii: "/") {
      at += 1
    } else if first | 0x20 == UInt8(ascii: "g"), at + 1 < count, group[at + 1] | 0x20 == UInt8(ascii: "o") {
      at += 2
    } else {
      return false
    }
    if at < count && group[at] == UInt8(ascii: "*") { return false }
    var rest = SQLScanner()
    rest.scanLine(group, from: at)
    return rest.isBlank && !rest.isComplete
      && (at == count || first == UInt8(ascii: "/") || !isWord(group[at]))
  }

  private func isWord(_ byte: UInt8) -> Bool { byte | 0x20 >= 97 && byte | 0x20 <= 122 || byte == 95 }
}
