import ReplicaCatalog
package import ReplicaFormat
import SQLite

/// Reads the statements of a replica in the order of their transactions.
///
/// One batch at a time is in memory. Batches that cannot hold the wanted transactions are not
/// fetched: their names have transactions, and times never decrease within a generation, even if
/// the clock is set back.
package struct StatementHistory {
  /// The bounds of time and transaction.
  package struct Bounds: Sendable {
    /// Microseconds since 1970; nil for no bound.
    package var since: Int64?
    package var until: Int64?
    /// Transactions.
    package var lowest: UInt64 = 0
    package var highest = UInt64.max

    package init() {}
  }

  /// A statement, or a transaction whose statements are missing.
  package struct Entry: Sendable {
    package let transaction: StatementScript.Transaction
    /// The session that logged it; nil if this is not recorded.
    package let session: String?
    /// From 1, within the transaction; nil if the statements are missing.
    package let number: Int?
    package let statement: StatementScript.Statement?
    package let sql: [UInt8]
    /// Its parameters with their values, such as `:x=1, ?2='it''s'`; empty if it has none.
    package let parameters: String
  }

  private let source: ObjectSource
  private let bounds: Bounds
  private var generations: ArraySlice<ReplicaHistory.Generation>
  private var batches: ArraySlice<String> = []
  /// Their listed lengths.
  private var sizes: [String: Int] = [:]
  private var script: StatementReader?
  private var transaction: StatementScript.Transaction?
  private var session: String?
  private var number = 0
  /// The last transaction of the generation that was read.
  private var last: UInt64 = 0
  /// Bytes of a batch that are enough for its first transaction's line.
  private static let head = 64 << 10

  package init(_ source: ObjectSource, _ bounds: Bounds) throws {
    self.source = source
    self.bounds = bounds
    var history = try source.retry { _ in try ReplicaHistory(source.catalog) }
    generations = try source.retry { _ in try history.marked() }[...]
  }

  /// Returns the next statement; nil after the last.
  package mutating func next() throws -> Entry? {
    while true {
      try source.checkInterrupt()
      if let transaction {
        if transaction.barrier == nil, let statement = try script?.nextStatement(), let text = script?.script
        {
          number += 1
          return Entry(
            transaction: transaction, session: session, number: number, statement: statement,
            sql: Array(text[statement.sql]), parameters: Self.values(text, statement.parameters))
        }
        self.transaction = nil
      }
      guard let next = try script?.nextTransaction() else {
        script = nil
        guard try openBatch() else { return nil }
        continue
      }
      session = next.session ?? session
      // Two batches may hold the same transaction.
      guard next.number > last else { continue }
      last = next.number
      if let since = bounds.since, next.time < since { continue }
      if next.number < bounds.lowest { continue }
      if next.number > bounds.highest || bounds.until.map({ next.time > $0 }) == true {
        script = nil
        batches = []
        continue
      }
      transaction = next
      number = 0
      if next.barrier != nil {
        return Entry(
          transaction: next, session: session, number: nil, statement: nil, sql: [], parameters: "")
      }
    }
  }

  private static func values(_ text: [UInt8], _ lines: Range<Int>) -> String {
    guard !lines.isEmpty, let values = ParameterLines.read(text, lines) else { return "" }
    return ParameterLines.description(values)
  }

  /// Reads the next batch; returns false if there is none.
  private mutating func openBatch() throws -> Bool {
    while true {
      if let name = batches.popFirst() {
        script = try read(name).reader()
        return true
      }
      guard let generation = generations.popFirst() else { return false }
      last = 0
      session = nil
      let contents = try source.retry { _ in
        try source.catalog.contents(of: generation.id, .batches)
      }
      let names = contents.longestBatches
        .filter {
          $0.transactions.upperBound >= bounds.lowest && $0.transactions.lowerBound <= bounds.highest
        }
        .map { $0.key(in: generation.id) }
      batches = names[...]
      sizes = Dictionary(
        contents.batches.map { ($0.key(in: generation.id), $1) }
      ) { first, _ in first }
      guard let since = bounds.since, names.count > 1 else { continue }
      let (rest, first) = try skip(names, before: since)
      (batches, script) = (rest, try first.reader())
      return true
    }
  }

  private func read(_ name: String) throws -> StatementScript { try source.batch(name, told: sizes[name]) }

  /// Opens the last batch that begins before a time, and those after it.
  ///
  /// The first bytes of batches are enough to find it. The batch itself, whose checksum is right,
  /// proves that it is the right one.
  private func skip(_ names: [String], before time: Int64) throws -> (ArraySlice<String>, StatementScript) {
    var (low, high) = (0, names.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      let first = StatementScript.firstTime(ofHead: try source.head(names[middle], count: Self.head))
      // A batch without a time is read, with those that follow.
      if let first, first < time { low = middle } else { high = middle }
    }
    while true {
      let script = try read(names[low])
      let first = try script.reader().nextTransaction()?.time
      if low == 0 || first.map({ $0 < time }) == true { return (names[(low + 1)...], script) }
      low -= 1
    }
  }
}
