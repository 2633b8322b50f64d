import Foundation
import TestSupport
import Testing

/// The documents describe what the program does.
@Suite(.enabled(if: Servers.areInstalled)) struct DocumentTests {
  @Test func commandsRunAsPrinted() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let server = try SeaweedServer.shared()
    // It has its own time limits, because it runs more than one short command.
    let process = Process()
    let output = Pipe()
    process.executableURL = root.appendingPathComponent("Tests/Docs/run.sh")
    process.arguments = [
      ShellHarness.program, server.host, SeaweedServer.accessKey, SeaweedServer.secretKey,
    ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try Signals.unblocked { try process.run() }
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.contains("README.md: 1 blocks run, 0 failures"), "\(text)")
  }

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Every message that `Docs/Troubleshooting.md` explains is one that the program can print.
  @Test func explainsMessagesThatExist() throws {
    let folder = Self.root.appendingPathComponent("Sources")
    var source = ""
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    where name.hasSuffix(".swift") || name.hasSuffix(".c") {
      source += try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
    // Texts that continue in the next line.
    source.replace(try Regex(#""\s*\+\s*""#), with: "")
    let page = try String(
      contentsOf: Self.root.appendingPathComponent("Docs/Troubleshooting.md"), encoding: .utf8)
    var count = 0
    for line in page.split(separator: "\n") where line.hasPrefix("### ") {
      for quoted in line.split(separator: "`").enumerated() where quoted.offset % 2 == 1 {
        for part in quoted.element.split(separator: "…") {
          let text = part.trimmingCharacters(in: CharacterSet(charactersIn: " :;"))
          count += 1
          #expect(text.isEmpty || source.contains(text), "\(text)")
        }
      }
    }
    #expect(count > 50)
  }

  /// Alerts and dashboard use only metrics that are written.
  @Test func monitorsWhatIsWritten() throws {
    let work = try Workplace(.directory)
    try work.succeed("CREATE TABLE t(a);\n", ["-metrics", "m.prom"])
    let written = String(decoding: try work.folder.read("m.prom"), as: UTF8.self)
    for name in ["Docs/Monitoring/alerts.yml", "Docs/Monitoring/dashboard.json"] {
      let data = try Data(contentsOf: Self.root.appendingPathComponent(name))
      if name.hasSuffix("json") { _ = try JSONSerialization.jsonObject(with: data) }
      let metrics = String(decoding: data, as: UTF8.self).matches(of: try Regex("sqlite3_cloud_s3_[a-z_]+"))
      #expect(metrics.count > 5)
      for metric in metrics {
        let text = try #require(metric[0].substring)
        #expect(written.contains("\n\(text){"), "\(name): \(text)")
      }
    }
  }

  /// Pictures are what their texts and data give, links lead somewhere, and lines and words are
  /// plain.
  @Test(arguments: [
    ["diagrams.py", "--check"], ["figures.py", "--check"],
    ["prose.py", "README.md"] + DocumentTests.documents,
  ]) func documentsAreInOrder(_ words: [String]) throws {
    let paths = words.dropFirst().map {
      $0.hasPrefix("--") ? $0 : Self.root.appendingPathComponent($0).path
    }
    let result = try ShellHarness.run(
      "/usr/bin/env", ["python3", Self.root.appendingPathComponent("Tests/Docs/\(words[0])").path] + paths)
    #expect(result.code == 0 && result.errors.isEmpty, "\(result.errors)")
  }

  private static var documents: [String] {
    let folder = root.appendingPathComponent("Docs").path
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".md") }.sorted().map { "Docs/\($0)" }
  }
}
