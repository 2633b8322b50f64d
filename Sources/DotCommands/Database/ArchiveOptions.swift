internal import Bytes
internal import Shell

/// The options of `.archive`.
struct ArchiveOptions {
  enum Task { case create, extract, insert, list, remove, update, help }

  /// Nil if none was given.
  var task: Task?
  var isVerbose = false
  var file: String?
  var isAppended = false
  var folder: String?
  var isDryRun = false
  var usesGlob = false
  /// Names of files or members.
  var names: [String] = []

  private enum Choice { case task(Task), verbose, file, append, folder, dryRun, glob }

  private static let choices: [(long: String, short: Character, takesWord: Bool, choice: Choice)] = [
    ("create", "c", false, .task(.create)), ("extract", "x", false, .task(.extract)),
    ("insert", "i", false, .task(.insert)), ("list", "t", false, .task(.list)),
    ("remove", "r", false, .task(.remove)), ("update", "u", false, .task(.update)),
    ("help", "h", false, .task(.help)), ("verbose", "v", false, .verbose), ("file", "f", true, .file),
    ("append", "a", true, .append), ("directory", "C", true, .folder), ("dryrun", "n", false, .dryRun),
    ("glob", "g", false, .glob),
  ]

  /// Reads words in tar's old form, letters first, or in the usual form; throws their error.
  init(_ words: [String]) throws(ArchiveOptionError) {
    guard let first = words.first else { return }
    if first.hasPrefix("-") { try readOptions(words) } else { try readLetters(first, words.dropFirst()) }
  }

  private mutating func readLetters(
    _ letters: String, _ words: ArraySlice<String>
  ) throws(ArchiveOptionError) {
    var words = words
    for letter in letters {
      let found = try Self.choice(letter)
      var word: String?
      if found.takesWord {
        guard let next = words.popFirst() else { throw .init("option requires an argument: \(letter)") }
        word = next
      }
      try apply(found.choice, word)
    }
    names = Array(words)
  }

  private mutating func readOptions(_ words: [String]) throws(ArchiveOptionError) {
    var words = words[...]
    while let word = words.first {
      guard word.hasPrefix("-") else { break }
      words = words.dropFirst()
      if word == "--" { break }
      if word.hasPrefix("--") {
        let name = word.dropFirst(2)
        let found = Self.choices.filter { $0.long.hasPrefix(name) }
        guard let choice = found.first else { throw .init("unrecognized option: \(word)") }
        guard found.count == 1 else { throw .init("ambiguous option: \(word)") }
        try apply(choice.choice, choice.takesWord ? try Self.next(&words, word) : nil)
        continue
      }
      var letters = word.dropFirst()
      while let letter = letters.popFirst() {
        let found = try Self.choice(letter)
        var argument: String?
        if found.takesWord {
          argument = letters.isEmpty ? try Self.next(&words, String(letter)) : String(letters)
          letters = ""
        }
        try apply(found.choice, argument)
      }
    }
    names = Array(words)
  }

  private static func next(
    _ words: inout ArraySlice<String>, _ option: String
  ) throws(ArchiveOptionError) -> String {
    guard let word = words.popFirst() else { throw .init("option requires an argument: \(option)") }
    return word
  }

  /// Returns the first byte of a letter as sqlite3 prints it: a byte beyond ASCII as a negative
  /// number.
  private static func shown(_ letter: Character) -> String {
    guard let byte = String(letter).preservedBytes.first, byte >= 0x80 else { return String(letter) }
    return String(preserving: [0xf7, 0xbf, byte < 0xc0 ? 0xbe : 0xbf, 0x80 | byte & 0x3f])
  }

  private static func choice(_ letter: Character) throws(ArchiveOptionError) -> (
    takesWord: Bool, choice: Choice
  ) {
    guard let found = choices.first(where: { $0.short == letter }) else {
      throw .init("unrecognized option: \(shown(letter))")
    }
    return (found.takesWord, found.choice)
  }

  private mutating func apply(_ choice: Choice, _ word: String?) throws(ArchiveOptionError) {
    switch choice {
    case .task(let task):
      guard self.task == nil else { throw .init("multiple command options") }
      self.task = task
    case .verbose: isVerbose = true
    case .file: file = word
    case .append:
      isAppended = true
      file = word
    case .folder: folder = word
    case .dryRun: isDryRun = true
    case .glob: usesGlob = true
    }
  }
}

/// An error in the words of `.archive`.
struct ArchiveOptionError: Error {
  let message: String
  init(_ message: String) { self.message = message }
}
