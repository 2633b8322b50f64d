internal import Bytes
internal import Files
internal import SQLite
internal import Shell

/// The file that `.testcase` fills and `.check` reads.
private let testFile = "testcase-out.txt"

/// `.testcase`: sends output to a file that `.check` compares.
struct TestcaseCommand: DotCommand {
  static let spec = CommandSpec(
    name: "testcase", shortest: 8, usage: "NAME", summary: "Begin redirecting output to 'testcase-out.txt'",
    isForTests: Dialect.current.hidesUnsafeTests)
  private let name: String?
  init(parsing words: inout Words) throws(CommandError) { name = words.optional() }
  func run(in session: Session) throws {
    session.resetOutput()
    if !session.output.redirect(toFile: testFile) {
      session.errors.print("Error: cannot open '\(testFile)'")
    }
    // sqlite3 has room for 29 bytes.
    session.settings.testName = name.map { String(preserving: $0.preservedBytes.prefix(29)) } ?? "?"
  }
}

/// `.check`: compares the output since `.testcase` with a pattern.
struct CheckCommand: DotCommand {
  static let spec = CommandSpec(
    name: "check", shortest: 3, usage: "GLOB", summary: "Fail if output since .testcase does not match")
  private let pattern: [UInt8]?
  private let isAlone: Bool
  init(parsing words: inout Words) throws(CommandError) {
    pattern = words.optionalBytes()
    isAlone = words.isEmpty
  }
  func run(in session: Session) throws {
    session.resetOutput()
    guard let pattern, isAlone else {
      session.errors.print("Usage: .check GLOB-PATTERN")
      throw Quit()
    }
    let buffer = ByteBuffer()
    StreamReader(path: testFile)?.appendRest(to: buffer)
    guard !buffer.isEmpty else {
      session.errors.print("Error: cannot read '\(testFile)'")
      throw Quit()
    }
    // For sqlite3 the file is a text that ends with its first NUL.
    let text = Array(buffer.bytes.prefix { $0 != 0 })
    let name = session.settings.testName
    guard OutputPattern(pattern).matches(text) else {
      throw CommandError.message(
        "testcase-\(name) FAILED\n Expected: [\(String(preserving: pattern))]\n"
          + "      Got: [\(String(preserving: text))]")
    }
    session.output.writeToStandardOutput("testcase-\(name) ok\n")
  }
}
