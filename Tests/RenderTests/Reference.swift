import Bytes
import Foundation
import Render
import SQLite
import Testing

/// The installed sqlite3, which is the reference.
enum Reference {
  /// Whether it escapes control characters in JSON correctly, which sqlite3 3.44.1 to 3.47 do not.
  static let writesJSONRightly: Bool = {
    let output = try? Reference.output(".mode json\nselect char(7);\n")
    return output.map { String(decoding: $0, as: UTF8.self).contains("\\u0007") } ?? false
  }()

  /// Returns the standard output of sqlite3 for a script on standard input.
  static func output(_ script: String) throws -> [UInt8] {
    let folder = FileManager.default.temporaryDirectory
    let file = folder.appendingPathComponent("render-\(UUID().uuidString).sql")
    try Data(script.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["sqlite3", "-batch", "-init", "/dev/null"]
    process.standardInput = try FileHandle(forReadingFrom: file)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Array(output)
  }
}

/// Our side: a connection and the options a script would have set.
struct Rendering {
  var options = RenderOptions()
  /// Dot-commands that set the same options in sqlite3.
  private(set) var commands: [String] = []
  var setup = ""

  init(_ setup: String = "") { self.setup = setup }

  mutating func mode(_ mode: OutputMode, _ arguments: String = "", style: ColumnStyle? = nil) {
    mode.adjust(&options)
    if let style { options.style = style }
    commands.append(".mode \(mode.rawValue) \(arguments)")
  }

  mutating func set(_ command: String, _ change: (inout RenderOptions) -> Void) {
    commands.append(command)
    change(&options)
  }

  mutating func headers(_ on: Bool) {
    set(".headers \(on ? "on" : "off")") {
      $0.headers = on
      $0.headersWereSet = true
    }
  }

  mutating func widths(_ widths: [Int]) {
    set(".width " + widths.map(String.init).joined(separator: " ")) { $0.widths = widths }
  }

  /// Returns the output of our renderers for the queries.
  func ours(_ queries: [String]) throws -> [UInt8] {
    let connection = try Connection(":memory:")
    try connection.execute(setup)
    var output: [UInt8] = []
    let sink = Sink(limit: 512) {
      output += $0.bytes
      return true
    }
    for query in queries {
      let statement = try connection.prepare(query)
      var renderer: any RowRenderer
      switch statement.explainLevel {
      case 1: renderer = OutputMode.explain.renderer(options)
      case 2: renderer = OutputMode.queryPlan.renderer(options)
      default: renderer = options.mode.renderer(options)
      }
      renderer.begin(statement, to: sink)
      while try statement.step() { renderer.row(statement, to: sink) }
      renderer.end(to: sink)
    }
    sink.flush()
    return output
  }

  /// Fails the test if our output is not sqlite3's.
  func expectSame(_ queries: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
    let script = ([setup] + commands + queries.map { $0 + "\n;" }).joined(separator: "\n") + "\n"
    let expected = try Reference.output(script)
    let found = try ours(queries)
    guard expected != found else { return }
    Issue.record(
      """
      differs from sqlite3 for
      \(script)
      --- sqlite3 ---
      \(String(decoding: expected, as: UTF8.self))
      --- ours ---
      \(String(decoding: found, as: UTF8.self))
      ---------------
      """, sourceLocation: sourceLocation)
  }
}
