package import Foundation

/// Programs under test, run as processes in a folder of their own.
package enum ShellHarness {
  /// The result of a program.
  package struct Result: Equatable, Sendable {
    package var output: String
    package var errors: String
    package var code: Int32
  }

  /// Seconds after which a program is stopped.
  package static let patience = 30

  /// The program that was built with the tests; `SHELL_UNDER_TEST` names another one.
  package static let program: String = {
    if let path = ProcessInfo.processInfo.environment["SHELL_UNDER_TEST"] { return path }
    // `swift test` runs a bundle beside the program.
    let folders = [CommandLine.arguments[0], "/proc/self/exe"].map {
      URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent()
    }
    let found = folders.map { $0.appendingPathComponent("sqlite3-cloud-s3").path }
    return found.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "sqlite3-cloud-s3"
  }()

  /// Runs a program with these arguments and this standard input.
  package static func run(
    _ program: String = program, _ arguments: [String], input: Data = Data(),
    in folder: TemporaryFolder? = nil,
    environment: [String: String] = [:], seconds: Int? = nil
  ) throws -> Result {
    let folder = try folder ?? TemporaryFolder()
    let streams = try TemporaryFolder()
    try input.write(to: streams.url.appendingPathComponent("in"))
    for name in ["out", "err"] { try streams.write("", to: name) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["\(seconds.map { "\($0)" } ?? "\(patience)")", program] + arguments
    process.currentDirectoryURL = folder.url
    var variables = ProcessInfo.processInfo.environment
    for name in variables.keys where name.hasPrefix("S3_") || name.hasPrefix("AWS_") { variables[name] = nil }
    process.environment = variables.merging(environment) { $1 }
    process.standardInput = try FileHandle(forReadingFrom: streams.url.appendingPathComponent("in"))
    process.standardOutput = try FileHandle(forWritingTo: streams.url.appendingPathComponent("out"))
    process.standardError = try FileHandle(forWritingTo: streams.url.appendingPathComponent("err"))
    try Signals.unblocked { try process.run() }
    process.waitUntilExit()
    func text(_ name: String) throws -> String {
      String(decoding: try streams.read(name), as: UTF8.self)
        .replacingOccurrences(of: folder.path, with: "FOLDER")
        .replacingOccurrences(of: "\(program): Error", with: "PROGRAM: Error")
        .replacingOccurrences(of: "Usage: \(program) ", with: "Usage: PROGRAM ")
    }
    return Result(output: try text("out"), errors: try text("err"), code: process.terminationStatus)
  }
}
