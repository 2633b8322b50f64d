internal import CReadline
internal import Glibc

/// Draws the line being typed in colour.
///
/// readline draws first. Then the coloured text is written once more over it (`LinePaint`).
/// Everything goes to the terminal in one write. If the position of a character is uncertain
/// (readline itself loses count in a search with wide characters), or if the line is higher than
/// the screen, readline's own drawing stays.
package struct LineColours {
  /// Returns a tint for each byte of a line, 0 for plain; the cursor is nil once the line is
  /// accepted.
  package typealias Tints = (_ line: [UInt8], _ cursor: Int?) -> [UInt8]

  /// Whether new lines are coloured.
  let areOn: () -> Bool
  let tints: Tints
  /// The parameters of the terminal's "select graphic rendition" for a tint.
  let code: (UInt8) -> String

  package init(
    areOn: @escaping () -> Bool, tints: @escaping Tints, code: @escaping (UInt8) -> String
  ) {
    self.areOn = areOn
    self.tints = tints
    self.code = code
  }
}

/// The pipe between readline and the terminal.
final class Painter {
  private let colours: LineColours
  private var paint = LinePaint()
  /// What readline writes while it draws; nil while it does something else.
  private var collected: [UInt8]?
  /// Whether the cursor has not moved since the last drawing.
  private var isDrawn = false
  private var isOn = false

  /// Fails (nil) if the terminal has no colours, or if the pipe cannot be made.
  init?(_ colours: LineColours) {
    self.colours = colours
    guard creadline_colours() >= 8, !Self.isOn("horizontal-scroll-mode"), !Self.isOn("mark-modified-lines"),
      !Self.isOn("show-mode-in-prompt")
    else { return nil }
    guard creadline_write_to({ _, bytes, count in painter?.take(bytes, count) ?? count }) != 0 else {
      return nil
    }
    painter = self
  }

  private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  private static func isOn(_ variable: String) -> Bool {
    rl_variable_value(variable).map { String(cString: $0) == "on" } ?? false
  }

  /// Begins a new line, with nothing on the screen.
  func begin() {
    paint.forget()
    isDrawn = false
    isOn = colours.areOn()
    draws(isOn)
  }

  /// Makes readline call us to draw, or draw itself.
  private func draws(_ ours: Bool) { creadline_draw_with(ours ? { painter?.redraw() } : nil) }

  private func take(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
    let raw = UnsafeRawBufferPointer(start: bytes, count: count)
    if collected == nil {
      isDrawn = false
      Self.write(raw)
    } else {
      collected?.append(contentsOf: raw)
    }
    return count
  }

  private static func write(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = Glibc.write(STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 && errno != EINTR && errno != EAGAIN { return }
      rest = rest.dropFirst(max(0, written))
    }
  }

  /// Draws the line, as readline's hook.
  private func redraw() {
    creadline_flush()
    // The text on the screen has moved if anything else was written meanwhile.
    if !isDrawn { paint.forget() }
    collected = []
    rl_redisplay()
    creadline_flush()
    finish(isAccepted: false)
  }

  /// Lets readline handle signals.
  ///
  /// After a new window size it redraws, but it erases the old text first only if it draws itself.
  func checkSignals() {
    var (height, width, newHeight, newWidth) = (Int32(0), Int32(0), Int32(0), Int32(0))
    rl_get_screen_size(&height, &width)
    draws(false)
    rl_check_signals()
    draws(isOn)
    rl_get_screen_size(&newHeight, &newWidth)
    if isOn && (height, width) != (newHeight, newWidth) { redraw() }
  }

  /// Removes marks for the cursor before the line is accepted.
  func accept() {
    guard isDrawn, collected == nil, creadline_is_at_rest() != 0 else { return }
    collected = []
    finish(isAccepted: true)
  }

  private func finish(isAccepted: Bool) {
    let drawn = collected ?? []
    collected = nil
    let overlay = overlay(after: drawn, isAccepted: isAccepted)
    (drawn + overlay).withUnsafeBytes(Self.write)
    isDrawn = true
  }

  private func overlay(after drawn: [UInt8], isAccepted: Bool) -> [UInt8] {
    let length = Int(creadline_length())
    let point = Int(creadline_point())
    var (height, width) = (Int32(0), Int32(0))
    rl_get_screen_size(&height, &width)
    guard let text = creadline_line(), length <= Int(height) * Int(width) else {
      paint.forget()
      return []
    }
    let line = Array(UnsafeRawBufferPointer(start: text, count: length))
    let prompt = Self.bytes(creadline_prompt())
    var tints = colours.tints(line, isAccepted ? nil : point)
    guard creadline_is_searching() == 0 || (prompt + line).allSatisfy({ $0 < 128 }),
      let layout = LineLayout(prompt: prompt, line: line, point: point, width: Int(width)),
      layout.rows <= Int(height),
      creadline_agrees(Int32(layout.cursor.row), Int32(layout.cursor.column)) != 0
    else {
      paint.forget()
      return []
    }
    let mark = Int(creadline_selection())
    if mark >= 0 && mark <= length && !isAccepted {
      for index in min(mark, point)..<max(mark, point) { tints[index] |= LinePaint.selected }
    }
    return paint.paint(
      prompt: prompt, line: line, tints: tints, layout: layout, width: Int(width), after: drawn[...],
      codes: { tint in
        let code = tint & ~LinePaint.selected == 0 ? "" : self.colours.code(tint & ~LinePaint.selected)
        return tint & LinePaint.selected == 0 ? code : code.isEmpty ? "7" : code + ";7"
      })
  }
}

// readline calls back without a context, on the main thread.
nonisolated(unsafe) private var painter: Painter?
