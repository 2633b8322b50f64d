import Bytes
import Extensions
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Prints the statements that a replica holds, in order, with when they were committed and what they did.
struct MirrorLog {
  /// Which statements are wanted, and how.
  struct Options {
    var since: Int64?
    var until: Int64?
    var pattern: String?
    var json = false
    /// Another replica than the session's.
    var from: String?

    init(parsing words: inout Words) throws(CommandError) {
      while let word = words.optional() {
        switch word.hasPrefix("--") ? word.dropFirst(2) : word.dropFirst(word.hasPrefix("-") ? 1 : word.count)
        {
        case "since": since = try Self.time(&words)
        case "until": until = try Self.time(&words)
        case "grep": pattern = try words.required()
        case "json": json = true
        case "from": from = try words.required()
        default: throw .message("Error: unknown option: \(word)")
        }
      }
    }

    private static func time(_ words: inout Words) throws(CommandError) -> Int64 {
      let text = try words.required()
      guard let time = ISOTime.parse(text) else {
        throw .message("Error: not a time: \(text): write it as 2026-01-31T13:45:00Z")
      }
      return time
    }
  }

  let session: Session
  let options: Options
  private let source: ObjectSource
  private let catalog: ReplicaCatalog

  init(_ session: Session, _ observer: MirrorSession, _ options: Options) throws {
    self.session = session
    self.options = options
    let path = session.database.openConnection?.fileName() ?? session.database.name
    catalog = ReplicaCatalog(try observer.store(options.from, for: path))
    source = ObjectSource(catalog, patience: observer.patience, isInterrupted: observer.isInterrupted)
  }

  func print() throws {
    let filter = try options.pattern.map { try Filter($0) }
    var index = try source.retry { _ in try ReplicaIndex(catalog) }
    for generation in index.generations {
      let contents = try source.retry { _ in try index.contents(of: generation) }
      var last: UInt64 = 0
      for range in contents.longestStatements {
        let name = ReplicaLayout.statements(generation, range)
        // One batch at a time is in memory.
        var script = try source.read(name) { try StatementScript($0, object: name) }
        while let transaction = try script.nextTransaction() {
          try source.checkInterrupt()
          // Two batches may hold the same transaction.
          guard transaction.number > last else { continue }
          last = transaction.number
          if let since = options.since, transaction.time < since { continue }
          // Times never decrease within a generation.
          if let until = options.until, transaction.time > until { return }
          try print(transaction, of: &script, filter)
        }
      }
    }
  }

  private func print(
    _ transaction: StatementScript.Transaction, of script: inout StatementScript, _ filter: Filter?
  ) throws {
    if let barrier = transaction.barrier, filter == nil { line(transaction, nil, "", barrier: barrier) }
    while let statement = try script.nextStatement() {
      let sql = String(decoding: script.script[statement.sql], as: UTF8.self)
      guard try filter?.matches(sql) ?? true else { continue }
      line(transaction, statement, sql, barrier: nil)
    }
  }

  private func line(
    _ transaction: StatementScript.Transaction, _ statement: StatementScript.Statement?, _ sql: String,
    barrier: String?
  ) {
    let time = ISOTime.text(transaction.time)
    guard options.json else {
      var line = "\(time)  \(transaction.number)  "
      if let barrier {
        line += "-- statements unknown: \(barrier)"
      } else {
        line += "\(statement?.changes ?? 0) rows  "
        line += (statement?.told.duration).map { "\($0) us  " } ?? ""
        line += statement?.error.map { "failed (\(ResultCode(rawValue: $0).meaning))  " } ?? ""
        line += sql
      }
      return session.output.print(line)
    }
    var object = JSONText()
    object.add("time", text: time)
    object.add("transaction", raw: "\(transaction.number)")
    if let barrier { object.add("barrier", text: barrier) }
    if let statement {
      object.add("changes", raw: "\(statement.changes)")
      if let duration = statement.told.duration { object.add("duration_us", raw: "\(duration)") }
      if let error = statement.error { object.add("error", raw: "\(error)") }
      object.add("sql", text: sql)
    }
    session.output.print(object.text)
  }

  /// The operator REGEXP.
  private final class Filter {
    private let connection: Connection
    private let statement: Statement

    init(_ pattern: String) throws {
      connection = try Connection(":memory:")
      try ExtensionTable.install(on: connection, .withinDatabase)
      statement = try connection.prepare("SELECT ?1 REGEXP ?2")
      try statement.bind(.text(pattern), at: 2)
    }

    func matches(_ text: String) throws -> Bool {
      try statement.bind(.text(text), at: 1)
      defer { statement.reset() }
      do throws(SQLiteError) {
        return try statement.step() && statement.integer(at: 0) != 0
      } catch {
        throw CommandError.message("Error: \(error.message)")
      }
    }
  }
}
