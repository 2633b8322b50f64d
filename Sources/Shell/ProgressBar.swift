/// The progress of a piece of work, as a line for a person.
package struct ProgressBar: Equatable, Sendable {
  /// The name of the work, such as `restore`.
  package var title: String
  /// Bytes done so far.
  package var done: Int
  /// Total bytes; nil if this is not known.
  package var total: Int?
  /// Seconds since it began.
  package var seconds: Double

  package init(title: String, done: Int, total: Int?, seconds: Double) {
    self.title = title
    self.done = done
    self.total = total
    self.seconds = seconds
  }

  /// Returns the line, some columns shorter than `width`: `restore  ######..........
  ///
  /// 37%  1.2 of 3.3 GB  95.1 MB/s  0:22 left`.
  ///
  /// If there is little room, the bar is left out first, then the rate, then the sizes.
  package func line(width: Int) -> String {
    // A terminal shows Ctrl-C at the end of the line, and must not begin another row for it.
    let room = width - 4
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let speed = "\(Self.size(Int(rate)))/s"
    guard let total, total > 0 else {
      return fitting(room, [[title, Self.size(done), speed], [title, Self.size(done)], [title]])
    }
    let share = min(1, max(0, Double(done) / Double(total)))
    // 100% only at the end.
    let percent = pad("\(Int(share * 100))%", to: 4)
    let sizes = "\(Self.size(min(done, total))) of \(Self.size(total))"
    let left = rate > 0 && done < total ? Self.time(Double(total - done) / rate) + " left" : ""
    let words = [percent, sizes, speed, left].filter { !$0.isEmpty }
    let bar = room - Self.joined([title] + words).count - 2
    if bar >= 10 {
      let columns = min(bar, 40)
      let full = Int(share * Double(columns))
      let picture = String(repeating: "#", count: full) + String(repeating: ".", count: columns - full)
      return Self.joined([title, picture] + words)
    }
    return fitting(
      room,
      [
        [title] + words, [title, percent, sizes, left], [title, percent, left], [title, percent], [percent],
      ])
  }

  private func fitting(_ room: Int, _ choices: [[String]]) -> String {
    for choice in choices {
      let line = Self.joined(choice.filter { !$0.isEmpty })
      if line.count <= room { return line }
    }
    return ""
  }

  private static func joined(_ words: [String]) -> String { words.joined(separator: "  ") }

  private func pad(_ text: String, to count: Int) -> String {
    String(repeating: " ", count: max(0, count - text.count)) + text
  }

  /// Returns a number of bytes with three or four digits, in powers of 1000.
  static func size(_ bytes: Int) -> String {
    var value = Double(bytes)
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 999.95 {
        return unit == "B" ? "\(bytes) B" : "\(Numbers.fixed(value, digits: 1)) \(unit)"
      }
      value /= 1000
    }
    return "\(Numbers.fixed(value, digits: 1)) TB"
  }

  /// Returns minutes and seconds, or hours.
  static func time(_ seconds: Double) -> String {
    guard seconds < 359_999 else { return "long" }
    let whole = Int(seconds.rounded(.up))
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return whole < 3600
      ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
  }
}
