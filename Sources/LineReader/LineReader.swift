internal import CReadline
internal import Glibc

/// Lines typed at a terminal, with editing, history and completion.
///
/// There is one terminal, so there is one of these at a time, on the main thread.
package final class LineReader {
  /// What came of asking for a line.
  package enum Answer: Sendable { case line([UInt8]), interrupted, end }

  /// Words that may stand where the word from byte `start` of the line is; nil for names of files.
  package typealias Completion = (_ word: String, _ line: String, _ start: Int) -> [String]?

  private let history: History
  private let completion: Completion?
  private var candidates: [String] = []
  private var wasInterrupted = false
  /// Decides whether a line is kept in the history; all are where it is nil.
  package var keeps: (([UInt8]) -> Bool)?

  /// Prepares the terminal; `historyFile` is read now and written by `saveHistory`.
  package init(name: StaticString, historyFile: String?, completion: Completion? = nil) {
    history = History(historyFile)
    self.completion = completion
    current = self
    let text = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    creadline_set_up(
      text,
      { word, start, _ in
        guard let word, let reader = current else { return nil }
        return reader.matches(word, Int(start))
      },
      { file in
        guard let file else { return EOF }
        return LineReader.nextCharacter(file)
      })
  }

  /// Shows the prompt and reads a line.
  package func readLine(prompt: String) -> Answer {
    wasInterrupted = false
    InterruptSignal.startLine()
    guard let text = readline(prompt) else { return .end }
    defer { free(text) }
    if wasInterrupted { return .interrupted }
    let line = Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    if !line.isEmpty && keeps?(line) != false { history.add(text) }
    return .line(line)
  }

  /// Writes new lines to the history file.
  package func saveHistory() { history.save() }

  /// Waits for a character.
  ///
  /// Ctrl-C is answered with a line break, so that `readline` returns at once.
  private static func nextCharacter(_ file: UnsafeMutablePointer<FILE>) -> Int32 {
    // Signals come only while waiting, or one that came just before would be seen at the next key.
    var (blocked, before) = (sigset_t(), sigset_t())
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGINT)
    sigaddset(&blocked, SIGWINCH)
    sigprocmask(SIG_BLOCK, &blocked, &before)
    defer { sigprocmask(SIG_SETMASK, &before, nil) }
    repeat {
      if rl_pending_signal() != 0 {
        // Lets readline tidy the terminal, pass the signal on to our handler, and follow a new window size.
        sigprocmask(SIG_SETMASK, &before, nil)
        rl_check_signals()
        sigprocmask(SIG_BLOCK, &blocked, nil)
      }
      if InterruptSignal.takeAtPrompt(hasText: creadline_has_text() != 0) {
        current?.wasInterrupted = true
        return 10
      }
    } while creadline_wait(fileno(file), &before) < 0 && errno == EINTR
    return rl_getc(file)
  }

  private func matches(_ word: UnsafePointer<CChar>, _ start: Int) -> UnsafeMutablePointer<
    UnsafeMutablePointer<CChar>?
  >? {
    guard let completion else { return nil }
    let line = creadline_line().map { String(cString: $0) } ?? ""
    guard let words = completion(String(cString: word), line, start) else {
      creadline_complete_only(0, 0)
      return nil
    }
    creadline_complete_only(1, 32)
    candidates = words.reversed()
    return creadline_matches(word) { _, _ in
      guard let next = current?.candidates.popLast() else { return nil }
      // readline frees it.
      return strdup(next)
    }
  }
}

// readline calls back without a context, on the main thread, from inside `readLine`.
nonisolated(unsafe) private weak var current: LineReader?
