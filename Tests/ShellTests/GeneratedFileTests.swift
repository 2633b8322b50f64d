import Foundation
import TestSupport
import Testing

/// Files that are made from the table of options are current; `make generate` updates them.
@Suite struct GeneratedFileTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func file(_ path: String) throws -> String {
    try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
  }

  private func made(_ kind: String) throws -> String {
    let result = try ShellHarness.run(ShellHarness.program, ["-generate", kind])
    #expect(result.code == 0 && result.errors.isEmpty)
    return result.output
  }

  @Test(
    arguments: [
      ("bash", "Docs/Completions/sqlite3-cloud-s3.bash"), ("zsh", "Docs/Completions/_sqlite3-cloud-s3"),
      ("fish", "Docs/Completions/sqlite3-cloud-s3.fish"),
    ]) func completionsAreUpToDate(_ kind: String, _ path: String) throws
  {
    #expect(try made(kind) == file(path))
  }

  @Test func manualPageHasTheOptions() throws {
    let page = try file("Docs/sqlite3-cloud-s3.1")
    let start = try #require(page.range(of: ".\\\" Made by: sqlite3-cloud-s3 -generate manual\n"))
    let end = try #require(page.range(of: ".\\\" End of what is made.\n"))
    #expect(try page[start.upperBound..<end.lowerBound] == made("manual")[...])
  }

  /// bash knows every option of `-help` with one dash and with two, and what some take.
  @Test func bashCompletes() throws {
    func complete(_ current: String, after previous: String = "sqlite3-cloud-s3") throws -> [String] {
      let script = Self.root.appendingPathComponent("Docs/Completions/sqlite3-cloud-s3.bash").path
      let result = try ShellHarness.run(
        "/bin/bash",
        [
          "-c",
          "source \(script); _sqlite3_cloud_s3 sqlite3-cloud-s3 \"$1\" \"$2\"; printf '%s\\n' \"${COMPREPLY[@]}\"",
          "bash", current, previous,
        ])
      return result.output.split(separator: "\n").map(String.init)
    }
    #expect(
      Set(try complete("--no")) == ["--noheader", "--nofollow", "--nonce", "--no-rowid-in-view", "--noinit"])
    #expect(try complete("", after: "-durability") == ["async", "sync"])
    let help = try ShellHarness.run(ShellHarness.program, ["-help"]).errors
    let names = help.split(separator: "\n").filter { $0.hasPrefix("   -") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    let known = Set(try complete("-"))
    for name in names where name != "-[no]header" && name != "--" { #expect(known.contains(name), "\(name)") }
    #expect(known.isSuperset(of: ["-header", "-noheader"]))
  }
}
