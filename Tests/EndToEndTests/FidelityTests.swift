import Foundation
import TestSupport
import Testing

/// Random sessions with a fixed seed: statements restore the same content as the log.
@Suite struct FidelityTests {
  @Test func generatedSessionsComeBackTheSame() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [folder.path + "/Fidelity/run.sh", "1000", "25"]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "SHELL_UNDER_TEST": URL(fileURLWithPath: ShellHarness.program).path
    ]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
    #expect(text.contains(" 0 faults"), "\(text)")
  }
}
