internal import Bytes
internal import SQLite
internal import Shell

/// `.selftest`: runs the tests in a database's table `selftest`.
struct SelftestCommand: DotCommand {
  static let spec = CommandSpec(
    name: "selftest", shortest: 4, usage: "?OPTIONS?", summary: "Run tests defined in the SELFTEST table",
    details: [
      "    Options:", "       --init               Create a new SELFTEST table",
      "       -v                   Verbose output",
    ], isForTests: Dialect.current.hidesUnsafeTests)
  private var makesTable = false
  private var isVerbose = false

  private struct Test {
    let number: Int32
    let operation: String
    let command: String
    let answer: String
  }

  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      switch word.hasPrefix("--") ? String(word.dropFirst()) : word {
      case "-init": makesTable = true
      case "-v": isVerbose = true
      default:
        throw .message("Unknown option \"\(word)\" on \"\(words.name)\"\nShould be one of: --init -v")
      }
    }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    if makesTable {
      do throws(SQLiteError) {
        try SelftestTable(connection).fill()
      } catch {
        session.errors.print("SELFTEST initialization failure: \(error.message)")
      }
    }
    // An unreadable schema has no such table.
    let hasTable = makesTable || (try? connection.rows(Self.existence))?.isEmpty == false
    var tests = hasTable ? try read(connection, "SELECT tno,op,cmd,ans FROM selftest ORDER BY tno") : []
    if tests.isEmpty { tests = try read(connection, Self.defaults) }
    try run(tests, session, connection)
  }

  private static let existence =
    "SELECT 1 FROM main.sqlite_schema WHERE type='table' AND lower(name)='selftest'"
  private static let defaults =
    "VALUES(0,'memo','Missing SELFTEST table - default checks only',''),(1,'run','PRAGMA integrity_check','ok')"

  /// Returns the tests with an expected result.
  private func read(_ connection: Connection, _ query: String) throws(CommandError) -> [Test] {
    var tests: [Test] = []
    guard let statement = try? connection.prepare(query) else {
      throw .message("Error querying the selftest table")
    }
    while (try? statement.step()) == true {
      guard let answer = statement.text(at: 3) else { continue }
      tests.append(
        Test(
          number: Int32(truncatingIfNeeded: statement.integer(at: 0)),
          operation: statement.text(at: 1) ?? "",
          command: statement.text(at: 2) ?? "", answer: answer))
    }
    return tests
  }

  private func run(_ tests: [Test], _ session: Session, _ connection: Connection) throws {
    let output = session.output
    var count = 0
    var errors = 0
    // As in sqlite3, the last test decides whether the command failed.
    var hasFailed = false
    for test in tests {
      if isVerbose {
        output.printToStandardOutput("\(test.number): \(test.operation) \(test.command)")
      }
      switch test.operation {
      case "memo": output.print(test.command)
      case "run":
        count += 1
        let (found, failure) = answer(to: test.command, connection)
        if isVerbose { output.print("Result: \(found)") }
        hasFailed = failure != nil || found != test.answer
        if hasFailed { errors += 1 }
        if let failure {
          // The code is 1 for every error, as in sqlite3.
          output.print("\(test.number): error-code-1: \(failure.message)")
        } else if hasFailed {
          output.print("\(test.number): Expected: [\(test.answer)]\n\(test.number):      Got: [\(found)]")
        }
      default:
        session.errors.print("Unknown operation \"\(test.operation)\" on selftest line \(test.number)")
        output.print("\(errors) errors out of \(count) tests")
        throw CommandError.silent
      }
    }
    output.print("\(errors) errors out of \(count) tests")
    if hasFailed { throw CommandError.silent }
  }

  /// Returns the rows of all statements of a test, in one line.
  private func answer(to command: String, _ connection: Connection) -> (String, SQLiteError?) {
    var found = ""
    let sql = command.preservedBytes + [0]
    var at = 0
    do throws(SQLiteError) {
      while at < sql.count - 1 {
        let (statement, next) = try connection.prepare(sql, from: at)
        guard next > at else { break }
        at = next
        guard let statement else { continue }
        while try statement.step() {
          if !found.isEmpty { found += "|" }
          for column in 0..<statement.columnCount {
            if column > 0 { found += "," }
            found += statement.text(at: column) ?? ""
          }
        }
      }
    } catch {
      return (found, error)
    }
    return (found, nil)
  }
}
