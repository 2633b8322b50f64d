extension CommandSpec {
  /// Words that may follow the name: those that its help shows, `on|off` and options and names of sub-commands among
  /// them, and what else it is given.
  var words: [String] {
    var words = completions
    for choice in usage.split(whereSeparator: { "|? ".contains($0) }) where Self.isWord(choice) {
      words.append(String(choice))
    }
    for line in details {
      // A list: one or more words alike, then a column with what they mean.
      let text = line.drop { $0 == " " }
      guard line.hasPrefix("  "), let gap = text.firstRange(of: "  ") else { continue }
      for part in text[..<gap.lowerBound].split(whereSeparator: { ", |".contains($0) })
      where Self.isWord(part) {
        words.append(String(part))
      }
    }
    return words
  }

  /// Whether this is to be typed as it stands, and not a name for something else.
  private static func isWord(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { $0 >= 97 && $0 <= 122 }
      && text.utf8.allSatisfy { $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 || $0 == 45 }
  }
}
