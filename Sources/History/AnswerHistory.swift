package import Replica
internal import ReplicaFormat
package import Restore
package import SQLite

/// Holds the result of a statement at one moment.
package struct Answer: Sendable {
  package let columns: [String]
  package let rows: [[Value]]
  /// The error if the statement failed, for example because a table did not exist yet; nil if it
  /// succeeded.
  package let failure: String?

  /// Returns whether two answers are the same, byte for byte.
  package func isIdentical(to other: Answer) -> Bool {
    failure == other.failure && columns == other.columns && rows.count == other.rows.count
      && zip(rows, other.rows).allSatisfy {
        $0.count == $1.count && zip($0, $1).allSatisfy { $0.isIdentical(to: $1) }
      }
  }
}

/// Finds every moment at which the answer to a statement changed.
///
/// The answer can change only if one of the pages that the statement read changes. Therefore, after
/// each answer, the next candidate is the next transaction that changed one of these pages. Page 1
/// counts only if its schema part changed, because nearly every transaction changes its counters.
/// This is correct only if the answer depends on the database alone. Therefore statements that ask
/// for the time or for random numbers are refused.
///
/// Belongs to one thread at a time.
package final class AnswerHistory {
  private let replica: PastReplica
  private let files: PastFiles
  private let sql: String
  /// The number of times the statement ran, for measurements.
  package private(set) var runs = 0

  /// A transaction that changed the answer.
  package struct Change {
    package let before: Answer
    package let after: Answer
    package let moment: PageHistory.Moment
    /// Whether history directly before this moment was removed, so that an earlier transaction may
    /// have made the change.
    package let isAfterGap: Bool
  }

  package init(_ replica: PastReplica, _ files: PastFiles, sql: String) {
    self.replica = replica
    self.files = files
    self.sql = sql
    StatementTime.install()
  }

  /// Calls `body` for each change after the first moment up to the last, in order, until it returns false.
  ///
  /// Returns the answer at the first moment.
  @discardableResult
  package func forEachChange(
    after first: UInt64, through last: UInt64, _ body: (Change) throws -> Bool
  ) throws -> Answer? {
    var known: (answer: Answer, transaction: UInt64)?
    var beginning: Answer?
    for run in try replica.runs() where run.upperBound >= first && run.lowerBound <= last {
      var reader = try replica.open(
        RestoreTarget(transaction: max(run.lowerBound, first)))
      var (answer, pages) = try ask(reader)
      if beginning == nil { try checkRepeats(answer, at: reader) }
      beginning = beginning ?? answer
      if let known, !known.answer.isIdentical(to: answer) {
        let change = Change(
          before: known.answer, after: answer, moment: reader.moment,
          isAfterGap: known.transaction + 1 != reader.moment.transaction)
        guard try body(change) else { return beginning }
      }
      let end = min(run.upperBound, last)
      while let next = try reader.history.nextChange(
        of: pages, after: reader.moment.transaction, through: end)
      {
        try replica.source.checkInterrupt()
        reader = try PageReader(reader.history, at: next)
        let before = answer
        (answer, pages) = try ask(reader)
        guard !before.isIdentical(to: answer) else { continue }
        let change = Change(before: before, after: answer, moment: reader.moment, isAfterGap: false)
        guard try body(change) else { return beginning }
      }
      known = (answer, end)
    }
    return beginning
  }

  /// Throws if a second run at the same moment gives another answer.
  private func checkRepeats(_ answer: Answer, at reader: PageReader) throws {
    guard try !ask(reader).0.isIdentical(to: answer) else { return }
    throw UndoError(
      "the answer depends on more than the database: two runs at one moment give two answers: \(sql)")
  }

  /// Returns the answer at a moment, and the pages that the statement read.
  ///
  /// Throws if the statement asks SQLite for the time, or draws a random number.
  private func ask(_ reader: PageReader) throws -> (Answer, Set<UInt32>) {
    runs += 1
    let random = StatementRandom()
    random.begin()
    let (found, asksTime) = try StatementTime.isAsked { try ask(reader, random) }
    guard !asksTime else {
      throw UndoError(
        "the query asks for the time, so its answer changes without a transaction: write the time as text: \(sql)"
      )
    }
    guard random.seed == nil else {
      throw UndoError("the query draws random numbers, so its answer changes without a transaction: \(sql)")
    }
    return found
  }

  private func ask(_ reader: PageReader, _ random: StatementRandom) throws -> (Answer, Set<UInt32>) {
    reader.beginRecording()
    // The functions of the connection point to it.
    defer { withExtendedLifetime(random) {} }
    let connection = try files.connect(reader)
    defer { connection.close() }
    try random.install(on: connection)
    do {
      let statement = try connection.prepare(sql)
      guard statement.isReadOnly else { throw UndoError("only a query has a history: \(sql)") }
      let columns = (0..<statement.columnCount).map { statement.columnName(at: $0) }
      var rows: [[Value]] = []
      while try statement.step() { rows.append(columns.indices.map { statement.value(at: $0) }) }
      return (Answer(columns: columns, rows: rows, failure: nil), reader.endRecording())
    } catch let error as SQLiteError {
      guard error.code.primary == .error else { throw error }
      return (Answer(columns: [], rows: [], failure: error.message), reader.endRecording())
    }
  }
}

extension RestoreTarget {
  init(transaction: UInt64) {
    self.init()
    self.transaction = transaction
  }
}
