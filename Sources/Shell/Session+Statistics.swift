internal import Files
package import SQLite

extension Session {
  /// Prints the counters of `.stats`; without a statement, those of library and connection.
  package func printStatistics(of statement: Statement?) {
    if let statement, settings.stats == .statement { printColumns(of: statement) }
    if settings.stats == .steps {
      if let statement { output.print("VM-steps: \(statement.read(.steps, reset: false))") }
      return
    }
    show("Memory Used", of: LibraryStatistic.memoryUsed.read(), isBytes: true)
    show("Number of Outstanding Allocations", of: LibraryStatistic.allocations.read())
    show(
      "Number of Pcache Overflow Bytes", of: LibraryStatistic.pageCacheOverflow.read(),
      isBytes: true)
    line("Largest Allocation", "\(LibraryStatistic.largestAllocation.read().highest) bytes")
    line(
      "Largest Pcache Allocation",
      "\(LibraryStatistic.largestPageCacheAllocation.read().highest) bytes")
    if let connection = database.openConnection { printConnection(connection) }
    if let statement { printStatement(statement) }
    printProcess()
  }

  private func line(_ name: String, _ value: String) {
    let head = name + ":"
    output.print(head + String(repeating: " ", count: max(1, 37 - head.utf8.count)) + value)
  }

  private func show(_ name: String, of statistic: Statistic, isBytes: Bool = false) {
    let unit = isBytes ? " bytes" : ""
    line(name, "\(statistic.current) (max \(statistic.highest))\(unit)")
  }

  private func printColumns(of statement: Statement) {
    line("Number of output columns", "\(statement.columnCount)")
    for column in 0..<statement.columnCount {
      let origin = statement.origin(of: column)
      line("Column \(column) name", statement.columnName(at: column))
      line("Column \(column) declared type", statement.declaredType(at: column) ?? "(null)")
      line("Column \(column) database name", origin.database ?? "(null)")
      line("Column \(column) table name", origin.table ?? "(null)")
      line("Column \(column) origin name", origin.column ?? "(null)")
    }
  }

  private func printConnection(_ connection: Connection) {
    func read(_ statistic: ConnectionStatistic) -> Statistic { connection.read(statistic, reset: false) }
    show("Lookaside Slots Used", of: read(.lookasideUsed))
    line("Successful lookaside attempts", "\(read(.lookasideHits).highest)")
    line("Lookaside failures due to size", "\(read(.lookasideMissesSize).highest)")
    line("Lookaside failures due to OOM", "\(read(.lookasideMissesFull).highest)")
    line("Pager Heap Usage", "\(read(.pagerHeap).current) bytes")
    line("Page cache hits", "\(connection.read(.cacheHits, reset: true).current)")
    line("Page cache misses", "\(connection.read(.cacheMisses, reset: true).current)")
    line("Page cache writes", "\(connection.read(.cacheWrites, reset: true).current)")
    line("Page cache spills", "\(connection.read(.cacheSpills, reset: true).current)")
    line("Schema Heap Usage", "\(read(.schemaHeap).current) bytes")
    line("Statement Heap/Lookaside Usage", "\(read(.statementHeap).current) bytes")
  }

  private func printStatement(_ statement: Statement) {
    line("Fullscan Steps", "\(statement.read(.fullScanSteps, reset: false))")
    line("Sort Operations", "\(statement.read(.sorts, reset: false))")
    line("Autoindex Inserts", "\(statement.read(.automaticIndexRows, reset: false))")
    let (hits, misses) = (
      statement.read(.filterHits, reset: false), statement.read(.filterMisses, reset: false)
    )
    if hits != 0 || misses != 0 { line("Bloom filter bypass taken", "\(hits)/\(hits + misses)") }
    line("Virtual Machine Steps", "\(statement.read(.steps, reset: false))")
    line("Reprepare operations", "\(statement.read(.reprepares, reset: false))")
    line("Number of times run", "\(statement.read(.runs, reset: false))")
    line("Memory used by prepared stmt", "\(statement.read(.memory, reset: false))")
  }

  /// Prints the system's counters for this process.
  private func printProcess() {
    guard let reader = StreamReader(path: "/proc/self/io") else { return }
    let names = [
      "rchar": "Bytes received by read()", "wchar": "Bytes sent to write()", "syscr": "Read() system calls",
      "syscw": "Write() system calls", "read_bytes": "Bytes read from storage",
      "write_bytes": "Bytes written to storage", "cancelled_write_bytes": "Cancelled write bytes",
    ]
    for text in reader.lines() {
      let parts = text.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, let name = names[String(parts[0])] else { continue }
      line(name, String(parts[1].drop { $0 == " " }))
    }
  }
}
