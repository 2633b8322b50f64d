import Foundation
import TestSupport
import Testing

/// One case: a script, and perhaps arguments in its first line, `# args: …`.
///
/// `# sqlite3: since 3.42` or `# sqlite3: before 3.44.1` in the first lines restricts the versions
/// of sqlite3. Others lack the feature, or have a fault that is not copied.
struct GoldenCase: CustomTestStringConvertible, Sendable {
  let name: String
  let arguments: [String]
  let input: Data
  var testDescription: String { name }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
    "Golden")

  static let all: [GoldenCase] = {
    guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) else {
      return []
    }
    return files.compactMap { $0 as? URL }.filter { $0.pathExtension == "in" }
      .compactMap { file in
        let name = file.deletingLastPathComponent().lastPathComponent + "/" + file.lastPathComponent
        guard let input = try? Data(contentsOf: file) else { return nil }
        let golden = GoldenCase(name: name, input: input)
        return golden.isForInstalled ? golden : nil
      }.sorted { $0.name < $1.name }
  }()

  init(name: String, input: Data) {
    self.name = name
    self.input = input
    let first = String(decoding: input.prefix { $0 != 10 }, as: UTF8.self)
    let mark = "# args:"
    arguments = first.hasPrefix(mark) ? Self.words(first.dropFirst(mark.count)) : [":memory:"]
  }

  private var isForInstalled: Bool {
    let lines = String(decoding: input.prefix(400), as: UTF8.self).split(separator: "\n").prefix {
      $0.hasPrefix("#")
    }
    return lines.allSatisfy { line in
      let words = line.split(separator: " ")
      guard words.count == 4, words[1] == "sqlite3:" else { return true }
      let isLater = !Oracle.version.isBefore(String(words[3]))
      return words[2] == "since" ? isLater : !isLater
    }
  }

  /// Splits at blanks, except between single quotes.
  private static func words(_ text: Substring) -> [String] {
    var words: [String] = []
    var word: String?
    var isQuoted = false
    for character in text {
      if character == "'" {
        isQuoted.toggle()
        word = word ?? ""
      } else if character == " " && !isQuoted {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let word { words.append(word) }
    return words
  }
}

@Suite struct GoldenTests {
  @Test(arguments: GoldenCase.all) func behavesAsSQLite3(_ golden: GoldenCase) throws {
    let (expected, actual) = try Oracle.compare(golden.arguments, input: golden.input)
    #expect(expected == actual, "\(golden.name)\(Oracle.difference(expected, actual))")
  }

  @Test func thereAreCases() { #expect(GoldenCase.all.count > 200) }
}
