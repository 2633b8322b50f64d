import Bytes
import History
import Replica
import ReplicaFormat
import Restore
import SQLite
import Shell

/// `.mirror bisect` and `.mirror when`: finds the transactions that changed the answer to a query.
struct MirrorBisect {
  struct Options {
    let sql: String
    /// Whether each answer is printed with the first transaction that gives it, and nothing else.
    let isTimeline: Bool
    /// The first and the last moment to search; without them, the oldest and the newest.
    var moments: [Moment] = []
    var all = false
    var from: String?

    init(parsing words: inout Words, isTimeline: Bool = false) throws(CommandError) {
      sql = try words.required()
      self.isTimeline = isTimeline
      var others: [String] = []
      while let word = words.optional() {
        switch word {
        case "--all" where !isTimeline, "-all" where !isTimeline: all = true
        case "--from", "-from": from = try words.required()
        default: others.append(word)
        }
      }
      var rest = others[...]
      while moments.count < 2, let moment = MomentWords.take(&rest) { moments.append(moment) }
      if let option = rest.first(where: { $0.hasPrefix("-") }) {
        throw .message("Error: unknown option: \(option)")
      }
      if let word = rest.first { throw .message("Error: not a moment: \(word): write \(Moment.forms)") }
    }
  }

  let session: Session
  let observer: MirrorSession
  let options: Options

  func run() throws {
    observer.past.register()
    let replica = try observer.past.present(session, from: options.from)
    let (first, last) = try MirrorBisect.bounds(options.moments, replica)
    try check(replica)
    let history = AnswerHistory(replica, observer.past.files, sql: options.sql)
    if options.isTimeline { return try printAnswers(history, replica, first, last) }
    let authors = TransactionAuthors(session, replica)
    var count = 0
    let beginning = try history.forEachChange(after: first, through: last) { change in
      count += 1
      try authors.print(change.moment, isAfterGap: change.isAfterGap)
      session.output.tell("  \(Self.text(change.before)) -> \(Self.text(change.after))")
      return options.all
    }
    if count == 0 {
      session.output.tell(
        "no change from transaction \(first) to \(last): \(beginning.map { Self.text($0) } ?? "nothing to read")"
      )
    }
  }

  /// Prints every answer with the transaction from which on it holds.
  private func printAnswers(
    _ history: AnswerHistory, _ replica: PastReplica, _ first: UInt64, _ last: UInt64
  ) throws {
    func line(_ moment: PageHistory.Moment, _ answer: Answer, isAfterGap: Bool = false) {
      let number = isAfterGap ? "<=\(moment.transaction)" : "\(moment.transaction)"
      session.output.tell("\(number)  \(ISOTime.text(moment.time))  \(Self.text(answer))")
    }
    let start = try replica.open(RestoreTarget(.transaction(first))).moment
    var isFirst = true
    let beginning = try history.forEachChange(after: first, through: last) { change in
      if isFirst { line(start, change.before) }
      isFirst = false
      line(change.moment, change.after, isAfterGap: change.isAfterGap)
      return true
    }
    if isFirst, let beginning { line(start, beginning) }
  }

  /// Throws if the SQL has an error or several statements, or writes.
  private func check(_ replica: PastReplica) throws {
    let scratch = try Connection(":memory:")
    defer { scratch.close() }
    let bytes = options.sql.preservedBytes + [0]
    do {
      let (statement, next) = try scratch.prepare(bytes)
      if next < bytes.count - 1, try scratch.prepare(bytes, from: next).statement != nil {
        throw CommandError.message("Error: one statement at a time")
      }
      guard statement?.isReadOnly != false else {
        throw CommandError.message("Error: only a query has a history: \(options.sql)")
      }
    } catch let error as SQLiteError {
      // This connection has no tables. The moments have them.
      guard !error.message.hasPrefix("no such") else { return }
      throw CommandError.message("Error: \(error.message)")
    }
  }

  /// Returns the first and the last transaction of a command's search.
  static func bounds(_ moments: [Moment], _ replica: PastReplica) throws -> (UInt64, UInt64) {
    let runs = try replica.runs()
    guard let oldest = runs.first?.lowerBound, let newest = runs.last?.upperBound else {
      throw CommandError.message("Error: the replica holds no transactions")
    }
    func number(_ moment: Moment) throws -> UInt64 {
      try replica.open(RestoreTarget(moment)).moment.transaction
    }
    let first = try moments.first.map(number) ?? oldest
    let last = moments.count > 1 ? try number(moments[1]) : newest
    guard first <= last else { throw CommandError.message("Error: the second moment lies before the first") }
    return (first, last)
  }

  /// Returns an answer on one line.
  static func text(_ answer: Answer) -> String {
    if let failure = answer.failure { return "(\(failure))" }
    guard let first = answer.rows.first else { return "(no rows)" }
    let line = first.map { RowPrinter.short($0) }.joined(separator: "|")
    return answer.rows.count == 1 ? line : "\(line) … (\(answer.rows.count) rows)"
  }
}
