import SQLite

/// The settings of a session in a batch, parsed: nothing else is run.
struct ReplaySettings {
  /// Names and values, as in SQL.
  private(set) var pragmas: [(name: String, value: String)] = []
  /// Switches that SQL cannot set, as `name=0 name=1`.
  private(set) var switches = ""

  struct Unknown: Error {
    /// Settings that no session writes.
    let text: String
  }

  /// Reads `PRAGMA name=value; …`, and switches in a comment after them.
  init(_ line: String) throws(Unknown) {
    var rest = Substring(line)
    while rest.hasPrefix("PRAGMA ") {
      guard let end = rest.firstRange(of: "; ") else { throw Unknown(text: String(rest)) }
      let text = rest[..<end.lowerBound]
      let fields = text.dropFirst("PRAGMA ".count).split(separator: "=", maxSplits: 1)
      guard fields.count == 2, Self.isKnown(String(fields[0]), String(fields[1])) else {
        throw Unknown(text: String(text))
      }
      pragmas.append((String(fields[0]), String(fields[1])))
      rest = rest[end.upperBound...]
    }
    guard !rest.isEmpty else { return }
    let (head, tail) = ("/* dbconfig ", " */")
    guard rest.hasPrefix(head), rest.hasSuffix(tail), rest.utf8.count >= head.utf8.count + tail.utf8.count
    else { throw Unknown(text: String(rest)) }
    let words = rest.dropFirst(head.count).dropLast(tail.count)
    for word in words.split(separator: " ") where !Self.isKnown(switch: word) {
      throw Unknown(text: String(word))
    }
    switches = String(words)
  }

  private static func isKnown(_ name: String, _ value: String) -> Bool {
    if name == "encoding" { return ["'UTF-8'", "'UTF-16le'", "'UTF-16be'"].contains(value) }
    guard ReplayRules.settings.contains(name) || name == "case_sensitive_like" else { return false }
    return Int64(value) != nil
  }

  /// Sessions of earlier versions recorded that `fts3_tokenizer` was off.
  private static func isKnown(switch word: Substring) -> Bool {
    let fields = word.split(separator: "=", omittingEmptySubsequences: false)
    guard fields.count == 2, fields[1] == "0" || fields[1] == "1" else { return false }
    return Connection.isReplayed(switch: String(fields[0])) || word == "fts3_tokenizer=0"
  }
}
