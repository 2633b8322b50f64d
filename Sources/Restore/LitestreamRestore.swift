import Files
import Interchange
package import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Restores a database from a replica of Litestream 0.5, into a new file that replaces the old one
/// when it is complete.
package struct LitestreamRestore {
  package let store: any ObjectStore
  /// Transactions are Litestream's; its replicas have no generations.
  package var target = RestoreTarget()
  /// Whether to replace an existing database.
  package var force = false
  /// Whether SQLite checks the new file before it takes its place.
  package var verifies = false
  package var patience = 60.0
  package var isInterrupted: (@Sendable () -> Bool)?
  /// Gets a function that returns, on any thread, how many bytes of how many have arrived.
  package var watch: ((_ measure: @escaping @Sendable () -> (done: Int, total: Int?)) -> Void)?
  /// Bytes free in a folder.
  package var freeBytes: @Sendable (_ folder: String) throws -> Int = { try FreeSpace.bytes(in: $0) }

  package init(_ store: any ObjectStore) { self.store = store }

  /// The result of a restore, or the plan of a dry run.
  package struct Report: Sendable {
    /// Litestream's number of the last transaction, and its time in microseconds since 1970.
    package let transaction: UInt64
    package let time: Int64
    /// The names of the files in the order in which they are applied, and their bytes.
    package let files: [String]
    package let fileBytes: Int
    /// Size of the database in bytes.
    package let size: Int
    /// Bytes that the restore needs in the output's folder, and free bytes there.
    package let needed: Int
    package let free: Int
    /// A sentence about the check; nil if there was none.
    package internal(set) var proof: String?
  }

  private struct Plan {
    let chain: [LTXChain.Item]
    let last: LTXHeader
    let report: Report
  }

  /// Plans a restore; reads listings, and only the headers of files.
  package func plan(to output: String) throws -> Report {
    let output = try Folder.followingLinks(output)
    return try plan(LitestreamReplica(store, patience: patience, isInterrupted: isInterrupted), to: output)
      .report
  }

  /// Throws `.exists` if `output` holds a database that must not be replaced.
  package func check(_ output: String) throws { try replacement.check(output) }

  /// Restores into `output`, which must be absent, empty or without tables unless `force`.
  package func run(to output: String) throws -> Report {
    let output = try Folder.followingLinks(output)
    try check(output)
    try replacement.checkUnused(output)
    let replica = LitestreamReplica(store, patience: patience, isInterrupted: isInterrupted)
    defer { replica.source.stop() }
    let plan = try plan(replica, to: output)
    var report = plan.report
    guard report.free >= report.needed else {
      throw RestoreError(
        .space,
        "restore \(output): \(report.needed) bytes are needed in \(Folder.parent(of: output)), \(report.free) are free: "
          + "make room, or use --output on another disk"
      )
    }
    let done = ByteCount()
    let total = report.fileBytes
    watch? { (done.value, total) }
    let folder = try RestoreFolder(
      for: output, identity: "litestream:\(store.url)\n\(report.files.joined(separator: "\n"))\n")
    do {
      try folder.adoptOwner()
      try build(plan, replica, in: folder.database, done)
      if verifies {
        try DatabaseComparison.quickCheck(folder.database.path) { try replica.source.checkInterrupt() }
        report.proof = "verified: the checksum of every file; quick_check ok"
      }
      try replacement.replace(output, with: folder.database, from: folder)
    } catch {
      replica.source.stop()
      folder.discard()
      guard let error = error as? RestoreError, error.code == .interrupted else { throw error }
      throw RestoreError(.interrupted, "restore \(output): interrupted")
    }
    return report
  }

  private var replacement: Restore {
    var restore = Restore(ReplicaCatalog(store))
    restore.force = force
    return restore
  }

  // MARK: - What to fetch

  private func plan(_ replica: LitestreamReplica, to output: String) throws -> Plan {
    guard !target.isBeforeLast else {
      throw RestoreError(
        .range, "restore \(output): files of Litestream hold several transactions: write a number or a time")
    }
    let all = try replica.requireItems()
    var items = all
    if let transaction = target.transaction {
      items = items.filter { $0.name.transactions.upperBound <= transaction }
    }
    if let time = target.time {
      // The time of a file is that of its last transaction.
      items = try items.filter { try replica.header($0).milliseconds * 1000 <= time }
    }
    let chain = LTXChain.furthest(items)
    try checkEnd(of: chain, items, all)
    guard let first = chain.first, let end = chain.last else { return try nothing(all) }
    let (start, last) = (try replica.header(first), try replica.header(end))
    let size = Int(last.pageCount) * last.pageSize
    let most = max(size, Int(start.pageCount) * start.pageSize)
    let report = Report(
      transaction: end.name.transactions.upperBound, time: last.milliseconds * 1000,
      files: chain.map(\.name.key), fileBytes: chain.reduce(0) { $0 + $1.size }, size: size,
      needed: most + (1 << 20), free: try freeBytes(Folder.parent(of: output)))
    return Plan(chain: chain, last: last, report: report)
  }

  private func checkEnd(of chain: [LTXChain.Item], _ items: [LTXChain.Item], _ all: [LTXChain.Item]) throws {
    let reached = chain.last?.name.transactions.upperBound ?? 0
    if let wanted = target.transaction, reached != wanted {
      let after = all.map(\.name.transactions.upperBound).filter { $0 > wanted }.min()
      throw RestoreError(
        .range,
        "restore transaction \(wanted): the files of \(store.url) lead to "
          + (reached == 0 ? "none before it" : "transaction \(reached)")
          + (after.map { " and then to \($0)" } ?? ""))
    }
    if let beyond = items.map(\.name.transactions.upperBound).max(), beyond > reached, reached > 0 {
      throw RestoreError(
        .hole,
        "\(store.url): transaction \(reached + 1) is missing, so \(beyond) cannot be restored; "
          + "--to-txn \(reached) gives what was before it")
    }
  }

  private func nothing(_ all: [LTXChain.Item]) throws -> Plan {
    if target.time != nil, all.contains(where: { $0.name.transactions.lowerBound == 1 }) {
      throw RestoreError(.range, "\(store.url) holds nothing as old as the time that was asked for")
    }
    throw RestoreError(.hole, "\(store.url): no file begins with transaction 1, which all others need")
  }

  // MARK: - Building

  private func build(_ plan: Plan, _ replica: LitestreamReplica, in file: File, _ done: ByteCount) throws {
    try file.truncate(to: 0)
    for item in plan.chain {
      var reader = try replica.open(item) { done.add($0) }
      let header = reader.header
      guard header.pageSize == plan.last.pageSize else {
        throw LTXError(
          item.name.key,
          "its pages have \(header.pageSize) bytes, those of the last file \(plan.last.pageSize)")
      }
      while let (number, page) = try reader.next() {
        try file.write(page, at: (Int(number) - 1) * header.pageSize)
      }
      try file.truncate(to: Int(header.pageCount) * header.pageSize)
      // If the file has a checksum of the whole database, it proves the pages.
      if item == plan.chain.last, let wanted = reader.databaseChecksum {
        try prove(file, header, wanted, item.name.key, replica)
      }
    }
  }

  private func prove(
    _ file: File, _ header: LTXHeader, _ wanted: UInt64, _ name: String, _ replica: LitestreamReplica
  ) throws {
    var sum: UInt64 = 0
    for index in 0..<header.pageCount where index + 1 != header.lockPage {
      if index % 1024 == 0 { try replica.source.checkInterrupt() }
      let page = try file.read(at: Int(index) * header.pageSize, count: header.pageSize)
      sum ^= LTXReader.pageChecksum(page, number: index + 1)
    }
    guard sum | 1 << 63 == wanted else {
      throw LTXError(name, "the database it leads to has another checksum")
    }
  }
}

/// Bytes that have arrived, for any thread.
private final class ByteCount: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add(_ bytes: Int) { count.withLock { $0 += bytes } }
}
