import Foundation
import TestSupport
import Testing

/// What the documents print is what happens.
@Suite(.enabled(if: Servers.areInstalled)) struct DocumentTests {
  @Test func commandsRunAsPrinted() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let server = try SeaweedServer.shared()
    // With its own time limits: more than one short command.
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
}
