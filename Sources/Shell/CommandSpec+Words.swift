extension CommandSpec {
  /// Words that may follow the name, for completion: options, names of sub-commands and `on|off`
  /// from its help, and further ones.
  var words: [String] {
    var words = completions
    for choice in usage.split(whereSeparator: { "|? ".contains($0) }) where Self.isWord(choice) {
      words.append(String(choice))
    }
    for line in details {
      // A list: one or more words of the same kind, then a column with their meaning.
      let text = line.drop { $0 == " " }
      guard line.hasPrefix("  "), let gap = text.firstRange(of: "  ") else { continue }
      for part in text[..<gap.lowerBound].split(whereSeparator: { ", |".contains($0) })
      where Self.isWord(part) {
        words.append(String(part))
      }
    }
    return words
  }

  /// Returns whether the word is typed literally, and is not a placeholder.
  private static func isWord(_ text: some StringProtocol) -> Bool {
    text.utf8.contains { $0 >= 97 && $0 <= 122 }
      && text.utf8.allSatisfy { $0 >= 97 && $0 <= 122 || $0 >= 48 && $0 <= 57 || $0 == 45 }
  }
}
