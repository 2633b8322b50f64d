internal import CReadline
internal import Files
internal import Glibc

/// Reads lines at a terminal, with editing, history and completion.
///
/// This target wraps readline: `LineReader` reads, `Painter` colours, `History` keeps lines, and
/// `InterruptSignal` handles Ctrl-C. It knows neither SQLite nor Shell. There is one terminal, so
/// there is one reader at a time, on the main thread.
///
///     let reader = LineReader(name: "shop", historyFile: path) { word, line, start in [] }
///     let result = reader.readLine(prompt: "> ", isContinuation: false)
package final class LineReader {
  /// The result of reading a line.
  package enum Answer: Sendable {
    case line([UInt8])
    /// Ctrl-C, and whether it cleared text.
    case interrupted(hadText: Bool)
    case end
  }

  /// The words that may replace the one from byte `start` of the line; nil for file names.
  package typealias Completion = (_ word: String, _ line: String, _ start: Int) -> [String]?

  private let history: History
  private let completion: Completion?
  private var painter: Painter?
  /// Colours that are not active yet.
  private var colours: LineColours?
  private var candidates: [String] = []
  private var wasInterrupted = false
  private var hadText = false
  /// Decides whether a line is kept in the history; nil keeps all.
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

  /// Colours lines from now on, if the terminal supports it.
  package func use(_ colours: LineColours) {
    self.colours = colours
  }

  /// Shows the prompt and reads a line; `isContinuation` is true if it continues the statement of
  /// the line before.
  package func readLine(prompt: String, isContinuation: Bool = false) -> Answer {
    wasInterrupted = false
    if !isContinuation { history.join() }
    if let colours, colours.areOn() {
      // The terminal's abilities are known after readline's set-up.
      rl_initialize()
      painter = Painter(colours)
      self.colours = nil
    }
    creadline_begin()
    painter?.begin()
    InterruptSignal.reset()
    // A new window size is handled only during the wait for a key, because only `Painter` watches
    // for it.
    var (windowChange, before) = (sigset_t(), sigset_t())
    sigemptyset(&windowChange)
    sigaddset(&windowChange, SIGWINCH)
    sigprocmask(SIG_BLOCK, &windowChange, &before)
    defer { sigprocmask(SIG_SETMASK, &before, nil) }
    guard let text = readline(Self.marked(prompt)) else {
      history.abandon()
      return .end
    }
    defer { free(text) }
    if Termination.isRequested {
      history.abandon()
      return .end
    }
    if wasInterrupted {
      history.abandon()
      return .interrupted(hadText: hadText)
    }
    let line = Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    if keeps?(line) == false {
      history.leaveOut()
    } else {
      history.add(line, isContinuation: isContinuation)
    }
    return .line(line)
  }

  /// Returns a prompt whose colours are marked as taking no columns.
  static func marked(_ prompt: String) -> String {
    guard prompt.utf8.contains(27) && !prompt.utf8.contains(1) else { return prompt }
    var marked: [UInt8] = []
    var rest = Array(prompt.utf8)[...]
    while let byte = rest.first {
      let end = rest.dropFirst(2).firstIndex { $0 >= 0x40 && $0 <= 0x7e }
      if byte == 27, rest.dropFirst().first == UInt8(ascii: "["), let end {
        marked += [1] + rest[...end] + [2]
        rest = rest[(end + 1)...]
      } else {
        marked.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: marked, as: UTF8.self)
  }

  /// Writes new lines to the history file.
  package func saveHistory() { history.save() }

  /// Waits for a character.
  ///
  /// Ctrl-C gives a line break, so that `readline` returns at once.
  private static func nextCharacter(_ file: UnsafeMutablePointer<FILE>) -> Int32 {
    // Signals are delivered only while waiting. Otherwise a signal just before would be seen at the
    // next key.
    var (blocked, before) = (sigset_t(), sigset_t())
    sigemptyset(&blocked)
    for signal in [SIGINT, SIGWINCH, SIGTERM, SIGHUP] { sigaddset(&blocked, signal) }
    sigprocmask(SIG_BLOCK, &blocked, &before)
    defer { sigprocmask(SIG_SETMASK, &before, nil) }
    var waiting = before
    sigdelset(&waiting, SIGWINCH)
    repeat {
      if rl_pending_signal() != 0 {
        // Makes readline tidy the terminal, pass the signal on to our handler, and handle a new
        // window size.
        sigprocmask(SIG_SETMASK, &before, nil)
        if rl_pending_signal() == SIGINT && creadline_is_at_rest() != 0 { creadline_deselect() }
        if let painter = current?.painter { painter.checkSignals() } else { rl_check_signals() }
        sigprocmask(SIG_BLOCK, &blocked, nil)
      }
      if Termination.isRequested { return EOF }
      if InterruptSignal.takeAtPrompt() {
        current?.wasInterrupted = true
        current?.hadText = creadline_has_text() != 0
        if creadline_is_at_rest() != 0 { creadline_abandon() }
        return 10
      }
    } while creadline_wait(fileno(file), &waiting) < 0 && errno == EINTR
    let key = rl_getc(file)
    if key == 10 || key == 13 { current?.painter?.accept() }
    return key
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
