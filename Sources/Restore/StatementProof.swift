import Bytes
import Files
import ReplicaFormat
import SQLite

/// Finds the transaction whose statements give another content than the WAL.
///
/// Both mirrors can be restored to any transaction, so a commit records nothing for this. The
/// search halves the range between a transaction with equal contents and one with different
/// contents, until it is one transaction.
struct StatementProof {
  let plan: RestorePlan
  let replanning: Replanning
  let folder: RestoreFolder
  let start: StatementRestore.Start

  private var source: ObjectSource { replanning.source }

  /// Returns whether the two files have the same pages, except for the counters of each commit in
  /// the first page: then their contents are equal.
  static func hasSamePages(_ left: File, _ right: File) throws -> Bool {
    let size = try left.size()
    guard try size == right.size() else { return false }
    let chunk = 1 << 20
    for offset in stride(from: 0, to: size, by: chunk) {
      var (one, other) = (try left.read(at: offset, count: chunk), try right.read(at: offset, count: chunk))
      if offset == 0 {
        // https://www.sqlite.org/fileformat2.html#file_change_counter, and the two fields that go
        // with it.
        for index in [24..<28, 92..<100].joined() where index < min(one.count, other.count) {
          one[index] = 0
          other[index] = 0
        }
      }
      guard one == other else { return false }
    }
    return true
  }

  /// Returns an error that names the transaction, and the statement that wrote to the different
  /// table; `end` is the difference after the last transaction.
  func error(_ end: DatabaseComparison.Difference) throws -> RestoreError {
    var (equal, differs) = (start.transaction, plan.transaction)
    var difference = end
    while differs - equal > 1 {
      let middle = equal + (differs - equal) / 2
      if let found = try self.difference(after: middle) {
        (differs, difference) = (middle, found)
      } else {
        equal = middle
      }
    }
    let statement = try self.statement(of: differs, writing: difference.table)
    return RestoreError(
      .differs,
      "prove the statements: transaction \(differs)\(statement ?? "") gives another content than the WAL: "
        + "\(difference.sentence); nothing was replaced: use .restore wal, or --no-verify for the state from the statements"
    )
  }

  private func difference(after transaction: UInt64) throws -> DatabaseComparison.Difference? {
    try source.checkInterrupt()
    let part = RestorePlan(
      contents: plan.contents, manifest: plan.manifest, slices: plan.slices, transaction: transaction,
      time: plan.time, state: plan.state, notices: [])
    let (wal, sql) = try folder.probes()
    for file in [wal, sql] { try file.truncate(to: 0) }
    _ = try WALRestore(source: source, plan: part, replanning: replanning, spool: folder.spool).build(
      in: wal, upTo: transaction, copying: (transaction: start.transaction, file: sql))
    _ = try StatementRestore(source: source, plan: part, spool: folder.spool).replay(
      start, time: plan.manifest.time, in: sql.path)
    if try Self.hasSamePages(wal, sql) { return nil }
    let source = source
    return try DatabaseComparison.difference(
      ("the WAL's", wal.path), ("the statements'", sql.path)
    ) { try source.checkInterrupt() }
  }

  /// Returns the first statement of a transaction that may write to a table, as part of a sentence;
  /// nil if none is found.
  private func statement(of transaction: UInt64, writing table: String?) throws -> String? {
    guard let table else { return nil }
    let connection = try DatabaseComparison.open(folder.database.path)
    defer { connection.close() }
    let name = table == DatabaseContent.schema ? "sqlite_master" : table
    var writes = false
    connection.setAuthorizer { request in
      let kinds = [AuthorizerRequest.insert, AuthorizerRequest.update, AuthorizerRequest.delete]
      if kinds.contains(request.action), request.first?.lowercased() == name.lowercased() { writes = true }
      return .ok
    }
    for item in start.batches where BatchName(key: item.name)?.transactions.contains(transaction) == true {
      let script = try source.read(item.name) { try StatementScript($0, object: item.name) }.reader()
      while let found = try script.nextTransaction() {
        guard found.number == transaction else { continue }
        var number = 0
        while let logged = try script.nextStatement() {
          number += 1
          writes = false
          let sql = script.script[logged.sql]
          _ = try? connection.prepare(String(decoding: sql, as: UTF8.self))
          guard writes || found.statementCount == 1 else { continue }
          let text = String(decoding: sql.prefix(60), as: UTF8.self)
          return ", statement \(number) (\(text)\(sql.count > 60 ? "…" : ""))"
        }
      }
    }
    return nil
  }
}
