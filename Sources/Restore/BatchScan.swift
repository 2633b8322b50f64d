import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// The facts that the statement batches prove about a range of transactions.
struct BatchScan {
  /// Names of whole batches, in order.
  var items: [FetchItem] = []
  /// The last transaction that cannot be replayed, and the reason.
  var lastBarrier: (transaction: UInt64, reason: String)?
  /// Whether every transaction of the range is in a batch.
  var isComplete = true

  /// Reads every batch of a generation, keeps the complete ones beside the databases, and notes
  /// faults.
  static func run(_ check: GenerationCheck, _ ranges: [ClosedRange<UInt64>]) throws -> [BatchScan] {
    let generation = check.generation
    let names = check.contents.batches.sorted {
      ($0.key.transactions.lowerBound, $0.key.transactions.upperBound)
        < ($1.key.transactions.lowerBound, $1.key.transactions.upperBound)
    }
    let batches = names.map(\.key.transactions)
    let items = names.map { FetchItem(name: $0.key.key(in: generation), size: $0.value) }
    let source = check.source
    let fetcher = ObjectFetcher(
      source, items, spool: check.objects, window: 6 << 20,
      readLong: { try source.batch($0.name, told: $0.size).required(generation, object: $0.name) }
    ) { object, bytes in
      try StatementScript(bytes, object: object).required(generation, object: object)
    }
    var scans = ranges.map { _ in BatchScan() }
    var reach = ranges.map(\.lowerBound)
    for (batch, item) in zip(batches, items) {
      guard let (_, result) = try fetcher.next() else { break }
      if check.isReplaced(result) { continue }
      let isWhole: Void? = try check.noting(item.name) {
        try scan(result.get(), item.name, ranges, &scans)
      }
      for (index, range) in ranges.enumerated()
      where batch.upperBound > range.lowerBound && batch.lowerBound <= range.upperBound {
        if isWhole == nil {
          scans[index].isComplete = false
        } else {
          scans[index].items.append(item)
        }
        // A damaged batch is reported by its name; a missing one by its numbers.
        if batch.lowerBound > reach[index] + 1 {
          let gap = reach[index] + 1...batch.lowerBound - 1
          if index == ranges.count - 1 { try check.relist(forStatementsOf: gap) }
          missing(gap, check)
          scans[index].isComplete = false
        }
        reach[index] = max(reach[index], batch.upperBound)
      }
    }
    for (index, range) in ranges.enumerated() where reach[index] < range.upperBound {
      if index == ranges.count - 1 { try check.relist(forStatementsOf: reach[index] + 1...range.upperBound) }
      try missingAtEnd(reach[index] + 1...range.upperBound, isLast: index == ranges.count - 1, check)
      scans[index].isComplete = false
    }
    return scans
  }

  /// Notes that the last transactions have no statements.
  ///
  /// Nothing proves that they are stored, so they may be on their way.
  private static func missingAtEnd(
    _ transactions: ClosedRange<UInt64>, isLast: Bool, _ check: GenerationCheck
  ) throws {
    let stored = check.live.map { $0.hasStatements ? $0.transaction : 0 } ?? 0
    let due = max(transactions.lowerBound, min(stored, transactions.upperBound) + 1)
    if due > transactions.lowerBound { missing(transactions.lowerBound...due - 1, check) }
    guard due <= transactions.upperBound else { return }
    let rest = due...transactions.upperBound
    guard isLast, check.isNewest, let writer = try ActiveWriter(check.source) else {
      return missing(rest, check)
    }
    check.findings.notices.append(
      "the statements of transactions \(rest.lowerBound) to \(rest.upperBound) are not stored yet: \(writer.text) writes to "
        + "the replica")
  }

  private static func scan(
    _ whole: StatementScript, _ name: String, _ ranges: [ClosedRange<UInt64>], _ scans: inout [BatchScan]
  ) throws {
    let script = try whole.reader()
    var expected = whole.transactions.lowerBound
    while let transaction = try script.nextTransaction() {
      guard transaction.number == expected else {
        throw FormatError(name, "transaction \(expected) is missing")
      }
      expected += 1
      guard let barrier = transaction.barrier else { continue }
      for (index, range) in ranges.enumerated() where range.contains(transaction.number) {
        if scans[index].lastBarrier?.transaction ?? 0 < transaction.number {
          scans[index].lastBarrier = (transaction.number, barrier)
        }
      }
    }
    guard expected == whole.transactions.upperBound + 1 else {
      throw FormatError(name, "transaction \(expected) is missing")
    }
  }

  private static func missing(_ transactions: ClosedRange<UInt64>, _ check: GenerationCheck) {
    check.note(
      ReplicaLayout.statements(check.generation) + Hex16.text(transactions.lowerBound) + "-",
      "the statements of transactions \(transactions.lowerBound) to \(transactions.upperBound) are missing: lost, or "
        + "never uploaded; .restore sql takes these transactions from the WAL")
  }
}

/// The transactions of batches, one after the other, to compare them with the commits of the log.
struct BatchCursor {
  private let source: ObjectSource
  private let spool: PrivateFolder?
  private var items: ArraySlice<FetchItem>
  private var script: (name: String, script: StatementReader)?
  private var waiting: StatementScript.Transaction?

  init(_ source: ObjectSource, _ scan: BatchScan, spool: PrivateFolder?) {
    self.source = source
    self.spool = spool
    items = scan.items[...]
  }

  /// Returns the transaction of this number with the name of its batch; nil if no batch has it.
  mutating func transaction(_ number: UInt64) throws -> (name: String, StatementScript.Transaction)? {
    while true {
      if let found = waiting, let name = script?.name, found.number >= number {
        return found.number == number ? (name, found) : nil
      }
      waiting = try script?.script.nextTransaction()
      if waiting != nil { continue }
      guard let item = items.popFirst() else { return nil }
      guard let spool else { return nil }
      if item.size > ObjectSource.longObject {
        script = (item.name, try source.batch(item.name, told: item.size).reader())
        continue
      }
      let kept = try spool.file(ObjectKey.escaped(item.name), .read).readAll()
      script = (item.name, try StatementScript(kept, object: item.name).reader())
    }
  }
}
