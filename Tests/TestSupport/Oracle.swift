package import Foundation

/// The installed sqlite3, which is the reference.
package enum Oracle {
  package static let program = "sqlite3"

  /// A version such as 3.40.1, compared number by number.
  package struct Version: Sendable {
    package let numbers: [Int]
    package init(_ text: String) { numbers = text.split(separator: ".").map { Int($0) ?? 0 } }

    package func isBefore(_ text: String) -> Bool {
      numbers.lexicographicallyPrecedes(Version(text).numbers)
    }
  }

  /// The version that is installed.
  package static let version: Version = {
    let result = try? ShellHarness.run(program, ["-version"])
    return Version(String(result?.output.prefix { $0 != " " } ?? ""))
  }()

  /// Runs the same input through both programs, each in a fresh folder.
  package static func compare(
    _ arguments: [String], input: Data = Data(), files: [String: String] = [:]
  ) throws -> (expected: ShellHarness.Result, actual: ShellHarness.Result) {
    func run(_ program: String) throws -> ShellHarness.Result {
      let folder = try TemporaryFolder()
      for (name, text) in files { try folder.write(text, to: name) }
      return try ShellHarness.run(program, arguments, input: input, in: folder)
    }
    return (try run(program), try run(ShellHarness.program))
  }

  /// Returns both results between lines, for a message.
  package static func difference(_ expected: ShellHarness.Result, _ actual: ShellHarness.Result) -> String {
    func show(_ name: String, _ result: ShellHarness.Result) -> String {
      "──── \(name), code \(result.code)\n\(result.output)──── stderr\n\(result.errors)"
    }
    return "\n" + show("sqlite3", expected) + show("ours", actual) + "────"
  }
}
