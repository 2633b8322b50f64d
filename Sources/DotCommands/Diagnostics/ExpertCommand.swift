internal import Bytes
internal import Extensions
internal import IndexAdvice
internal import SQLite
internal import Shell

/// `.expert`: suggests indexes for the next SQL instead of running it.
struct ExpertCommand: DotCommand {
  static let spec = CommandSpec(
    name: "expert", shortest: 4, summary: "EXPERIMENTAL. Suggest indexes for queries")
  private let name: String
  private var isVerbose = false
  private var percentage: Int32 = 0
  private var complaint: String?

  init(parsing words: inout Words) throws(CommandError) {
    name = words.name
    while let word = words.optional() {
      let option = word.hasPrefix("--") ? String(word.dropFirst()) : word
      if option.utf8.count >= 2, "-verbose".hasPrefix(option) {
        isVerbose = true
      } else if option.utf8.count >= 2, "-sample".hasPrefix(option) {
        guard let number = words.optional() else {
          complaint = "option requires an argument: \(option)"
          return
        }
        percentage = Int32(truncatingIfNeeded: Numbers.integer(number))
        if !(0...100).contains(percentage) {
          complaint = "value out of range: \(number)"
          return
        }
      } else {
        complaint = "unknown option: \(option)"
        return
      }
    }
  }

  func run(in session: Session) throws {
    if session.settings.isSafe {
      throw CommandError.message("Cannot run experimental commands such as \"\(name)\" in safe mode")
    }
    let connection = try session.connection
    // Not counted as an error, as in sqlite3.
    if let complaint { return session.errors.print(complaint) }
    let advisor: IndexAdvisor
    do throws(SQLiteError) {
      advisor = try IndexAdvisor(connection, sampling: Int(percentage)) { (copy) throws(SQLiteError) in
        if Dialect.current.expertKnowsFunctions { try ExtensionTable.installFunctions(on: copy) }
      }
    } catch
      where Dialect.current.expertKnowsFunctions && [.notADatabase, .corrupt].contains(error.code.primary)
    {
      return session.errors.print("sqlite3_expert_new: out of memory")
    } catch {
      return session.errors.print("sqlite3_expert_new: \(error.message)")
    }
    let output = session.output
    session.nextTaker = { [isVerbose] sql in
      try Self.print(advisor, sql, isVerbose: isVerbose, to: output)
    }
  }

  private static func print(
    _ advisor: IndexAdvisor, _ sql: ByteBuffer, isVerbose: Bool, to output: OutputState
  ) throws {
    let advice: [IndexAdvisor.Advice]
    do {
      try advisor.add(sql)
      advice = try advisor.advise()
    } catch let error as AdviceError {
      throw Unexplained(code: error.code)
    }
    if isVerbose {
      output.print("-- Candidates -----------------------------")
      output.print(lines(advisor.listing, ""))
    }
    for (number, statement) in advice.enumerated() {
      if isVerbose {
        output.print("-- Query \(number + 1) --------------------------------")
        output.print("\(statement.sql)\n")
      }
      output.print(statement.indexes.isEmpty ? "(no new indexes)\n" : lines(statement.indexes, ";"))
      output.print(lines(statement.plan, ""))
    }
  }

  /// Returns each line with a line break; `(null)`, as in sqlite3, if there is none.
  private static func lines(_ lines: [String], _ end: String) -> String {
    lines.isEmpty ? "(null)" : lines.map { $0 + end + "\n" }.joined()
  }
}
