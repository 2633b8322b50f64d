internal import Bytes
internal import SQLite

/// The words of a dot-command, taken one after the other.
///
/// At most 52 words are read, including the command's name. `"…"` takes C escapes, and so do bare
/// words in older dialects; `'…'` does not.
package struct Words {
  /// The typed name of the command, without the dot.
  package private(set) var name = ""
  /// Whether there was no word at all, not even an empty one in quotes.
  package let isBlank: Bool
  private var arguments: [[UInt8]] = []
  private var next = 0
  /// Warnings of parsing, printed before the command runs.
  package private(set) var warnings: [String] = []

  static let most = 51

  /// Splits the text after the dot.
  package init(_ line: ArraySlice<UInt8>) {
    var all: [[UInt8]] = []
    var rest = line
    while all.count < Self.most {
      rest = rest.drop(while: ASCII.isSpace)
      guard let first = rest.first else { break }
      if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") {
        all.append(Self.quoted(&rest, by: first))
      } else {
        let end = rest.firstIndex(where: ASCII.isSpace) ?? rest.endIndex
        all.append(
          Dialect.current.escapesOnlyInQuotes ? Array(rest[..<end]) : Escapes.resolved(rest[..<end]))
        // The blank that ends a word belongs to it, like a closing quote.
        rest = rest[min(end + 1, rest.endIndex)...]
      }
    }
    isBlank = all.isEmpty
    if !all.isEmpty { name = String(preserving: all.removeFirst()) }
    arguments = all
  }

  /// The words without escapes replaced.
  package init(name: String, _ arguments: [String]) {
    self.name = name
    isBlank = false
    self.arguments = arguments.map(\.preservedBytes)
  }

  private static func quoted(_ rest: inout ArraySlice<UInt8>, by quote: UInt8) -> [UInt8] {
    rest = rest.dropFirst()
    var end = rest.startIndex
    while end < rest.endIndex && rest[end] != quote {
      if rest[end] == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") && end + 1 < rest.endIndex {
        end += 1
      }
      end += 1
    }
    let word = rest[..<end]
    rest = rest[min(end + 1, rest.endIndex)...]
    return quote == UInt8(ascii: "\"") ? Escapes.resolved(word) : Array(word)
  }

  /// Number of arguments, taken or not.
  package var count: Int { arguments.count }
  /// Number of arguments not taken yet.
  package var remaining: Int { arguments.count - next }
  package var isEmpty: Bool { remaining == 0 }

  /// Returns the next argument without taking it.
  package var peek: String? { isEmpty ? nil : String(preserving: arguments[next]) }

  /// Takes the next argument, if there is one.
  package mutating func optional() -> String? { optionalBytes().map { String(preserving: $0) } }

  /// Takes the next argument as typed bytes, if there is one.
  package mutating func optionalBytes() -> [UInt8]? {
    guard !isEmpty else { return nil }
    next += 1
    return arguments[next - 1]
  }

  /// Takes the next argument; throws a usage error if there is none.
  package mutating func required() throws(CommandError) -> String {
    guard let word = optional() else { throw .usage }
    return word
  }

  /// Takes all remaining arguments.
  package mutating func rest() -> [String] {
    defer { next = arguments.count }
    return arguments[next...].map { String(preserving: $0) }
  }

  /// Takes all remaining arguments, as bytes.
  package mutating func restBytes() -> [[UInt8]] {
    defer { next = arguments.count }
    return Array(arguments[next...])
  }

  /// Throws a usage error unless everything was taken.
  package func finish() throws(CommandError) {
    guard isEmpty else { throw .usage }
  }

  /// Takes the only argument: `on`, `off`, or another yes or no; throws a usage error if there are
  /// more.
  package mutating func boolean() throws(CommandError) -> Bool {
    let word = try required()
    try finish()
    return boolean(from: word)
  }

  /// Reads a yes or no.
  ///
  /// Another word is a no, with a warning.
  package mutating func boolean(from word: String) -> Bool { choice(from: word) != 0 }

  /// Reads the number of a choice with more values than yes and no.
  package mutating func choice(from word: String) -> Int32 {
    let (value, warning) = Numbers.choice(word)
    if let warning { warn(warning) }
    return value
  }

  /// Adds a line for standard error.
  package mutating func warn(_ text: String) { warnings.append(text) }

  /// Returns the warnings that were not taken yet.
  mutating func takeWarnings() -> [String] {
    defer { warnings = [] }
    return warnings
  }
}
