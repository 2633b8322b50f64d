import Bytes
import History
import Replica
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Prints transactions with their times, the processes that made them, and their statements.
final class TransactionAuthors {
  private let session: Session
  private let replica: PastReplica
  private lazy var processes = (try? replica.authors()) ?? [:]

  init(_ session: Session, _ replica: PastReplica) {
    self.session = session
    self.replica = replica
  }

  /// The known facts about a transaction.
  struct Facts {
    let process: String?
    let statements: [String]
    let barrier: String?
  }

  /// Returns the facts about a transaction, from the batch that holds it.
  func facts(of transaction: UInt64) throws -> Facts {
    var bounds = StatementHistory.Bounds()
    (bounds.lowest, bounds.highest) = (transaction, transaction)
    var history = try StatementHistory(replica.source, bounds)
    var statements: [String] = []
    var (session, barrier): (String?, String?) = (nil, nil)
    while let entry = try history.next(), statements.count < Self.most {
      session = entry.session ?? session
      barrier = entry.transaction.barrier ?? barrier
      guard entry.statement != nil else { continue }
      let sql = String(decoding: entry.sql, as: UTF8.self)
      statements.append(entry.parameters.isEmpty ? sql : "\(sql)  -- \(entry.parameters)")
    }
    return Facts(process: session.flatMap { processes[$0] }, statements: statements, barrier: barrier)
  }

  /// The maximum number of printed statements of a transaction.
  private static let most = 20

  func print(_ moment: PageHistory.Moment, isAfterGap: Bool) throws {
    let facts = try facts(of: moment.transaction)
    let printer = RowPrinter(session)
    printer.head(
      "transaction \(moment.transaction)  \(ISOTime.text(moment.time))"
        + (facts.process.map { "  \($0)" } ?? "")
        + (isAfterGap ? "  (or an earlier one: the history before it was removed)" : ""))
    if let barrier = facts.barrier { session.output.tell("  -- statements unknown: \(barrier)") }
    for statement in facts.statements {
      for line in statement.split(separator: "\n", omittingEmptySubsequences: true) {
        session.output.tell("  \(line)")
      }
    }
  }
}
