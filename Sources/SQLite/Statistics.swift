internal import CSQLite
internal import CSQLiteFiles

/// A counter of the library, a connection or a statement.
package struct Statistic: Sendable {
  package let current: Int64
  package let highest: Int64
}

/// Counters of the whole library (https://www.sqlite.org/c3ref/c_status_malloc_count.html).
package enum LibraryStatistic: Sendable {
  case memoryUsed, allocations, pageCacheUsed, pageCacheOverflow, largestAllocation,
    largestPageCacheAllocation

  /// Reads the counter, SQLite's or that of the program's own allocator.
  ///
  /// The corresponding C function is `sqlite3_status64`.
  package func read() -> Statistic {
    if let count = ownCount { return count }
    var (current, highest): (sqlite3_int64, sqlite3_int64) = (-1, -1)
    sqlite3_status64(operation, &current, &highest, 0)
    return Statistic(current: current, highest: highest)
  }

  /// The allocator's count; nil if SQLite counts.
  private var ownCount: Statistic? {
    var memory = csqlite_memory()
    guard csqlite_count_memory(&memory) else { return nil }
    return switch self {
    case .memoryUsed: Statistic(current: memory.used, highest: memory.most_used)
    case .allocations: Statistic(current: memory.number, highest: memory.most_number)
    case .largestAllocation: Statistic(current: 0, highest: memory.largest)
    case .pageCacheUsed, .pageCacheOverflow, .largestPageCacheAllocation: nil
    }
  }

  private var operation: Int32 {
    switch self {
    case .memoryUsed: SQLITE_STATUS_MEMORY_USED
    case .allocations: SQLITE_STATUS_MALLOC_COUNT
    case .pageCacheUsed: SQLITE_STATUS_PAGECACHE_USED
    case .pageCacheOverflow: SQLITE_STATUS_PAGECACHE_OVERFLOW
    case .largestAllocation: SQLITE_STATUS_MALLOC_SIZE
    case .largestPageCacheAllocation: SQLITE_STATUS_PAGECACHE_SIZE
    }
  }
}

/// Counters of a connection (https://www.sqlite.org/c3ref/c_dbstatus_options.html).
package enum ConnectionStatistic: Sendable {
  case lookasideUsed, lookasideHits, lookasideMissesSize, lookasideMissesFull, pagerHeap, cacheHits,
    cacheMisses
  case cacheWrites, cacheSpills, schemaHeap, statementHeap

  fileprivate var operation: Int32 {
    switch self {
    case .lookasideUsed: SQLITE_DBSTATUS_LOOKASIDE_USED
    case .lookasideHits: SQLITE_DBSTATUS_LOOKASIDE_HIT
    case .lookasideMissesSize: SQLITE_DBSTATUS_LOOKASIDE_MISS_SIZE
    case .lookasideMissesFull: SQLITE_DBSTATUS_LOOKASIDE_MISS_FULL
    case .pagerHeap: SQLITE_DBSTATUS_CACHE_USED
    case .cacheHits: SQLITE_DBSTATUS_CACHE_HIT
    case .cacheMisses: SQLITE_DBSTATUS_CACHE_MISS
    case .cacheWrites: SQLITE_DBSTATUS_CACHE_WRITE
    case .cacheSpills: SQLITE_DBSTATUS_CACHE_SPILL
    case .schemaHeap: SQLITE_DBSTATUS_SCHEMA_USED
    case .statementHeap: SQLITE_DBSTATUS_STMT_USED
    }
  }
}

extension Connection {
  /// Reads a counter, and resets it if asked.
  ///
  /// The corresponding C function is `sqlite3_db_status`.
  package func read(_ statistic: ConnectionStatistic, reset: Bool) -> Statistic {
    var (current, highest): (Int32, Int32) = (-1, -1)
    sqlite3_db_status(handle, statistic.operation, &current, &highest, reset ? 1 : 0)
    return Statistic(current: Int64(current), highest: Int64(highest))
  }
}

/// Counters of a statement (https://www.sqlite.org/c3ref/c_stmtstatus_counter.html).
package enum StatementStatistic: Sendable {
  case fullScanSteps, sorts, automaticIndexRows, steps, reprepares, runs, memory, filterHits, filterMisses

  fileprivate var operation: Int32 {
    switch self {
    case .fullScanSteps: SQLITE_STMTSTATUS_FULLSCAN_STEP
    case .sorts: SQLITE_STMTSTATUS_SORT
    case .automaticIndexRows: SQLITE_STMTSTATUS_AUTOINDEX
    case .steps: SQLITE_STMTSTATUS_VM_STEP
    case .reprepares: SQLITE_STMTSTATUS_REPREPARE
    case .runs: SQLITE_STMTSTATUS_RUN
    case .memory: SQLITE_STMTSTATUS_MEMUSED
    case .filterHits: SQLITE_STMTSTATUS_FILTER_HIT
    case .filterMisses: SQLITE_STMTSTATUS_FILTER_MISS
    }
  }
}

extension Statement {
  /// Reads a counter, and resets it if asked.
  ///
  /// The corresponding C function is `sqlite3_stmt_status`.
  package func read(_ statistic: StatementStatistic, reset: Bool) -> Int32 {
    sqlite3_stmt_status(handle, statistic.operation, reset ? 1 : 0)
  }

  /// Returns the origin of a column: database, table and column; nil for an expression.
  package func origin(of column: Int) -> (database: String?, table: String?, column: String?) {
    let column = Int32(column)
    return (
      sqlite3_column_database_name(handle, column).map { String(preservingCString: $0) },
      sqlite3_column_table_name(handle, column).map { String(preservingCString: $0) },
      sqlite3_column_origin_name(handle, column).map { String(preservingCString: $0) }
    )
  }
}
