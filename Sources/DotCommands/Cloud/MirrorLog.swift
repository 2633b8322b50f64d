import Bytes
import Extensions
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Shell

/// `.mirror log`: prints the statements of a replica in order, with time, rows and duration.
struct MirrorLog {
  /// The bounds and the form of the list.
  struct Options {
    var since = Moment.last
    var until = Moment.last
    var pattern: String?
    var json = false
    /// Another replica than the session's.
    var from: String?

    init(parsing words: inout Words) throws(CommandError) {
      while let word = words.optional() {
        switch word.hasPrefix("--") ? word.dropFirst(2) : word.dropFirst(word.hasPrefix("-") ? 1 : word.count)
        {
        case "since": since = try Self.bound(words.required())
        case "until": until = try Self.bound(words.required())
        case "grep": pattern = try words.required()
        case "json": json = true
        case "from": from = try words.required()
        default:
          throw .message(
            "Error: unknown option: \(word)\n"
              + "Usage: .mirror log [--since T] [--until T] [--grep RE] [--json] [--from URL]")
        }
      }
    }

    private static func bound(_ text: String) throws(CommandError) -> Moment {
      let moment = try MomentWords.moment(text)
      guard moment != .beforeLast else {
        throw .message("Error: .mirror log takes a number or a time, not \(text)")
      }
      return moment
    }
  }

  let session: Session
  let options: Options
  private let source: ObjectSource

  init(_ session: Session, _ observer: MirrorSession, _ options: Options) throws {
    self.session = session
    self.options = options
    let path = session.database.openConnection?.fileName() ?? session.database.name
    let catalog = ReplicaCatalog(try observer.store(options.from, for: path))
    source = ObjectSource(catalog, patience: observer.patience, isInterrupted: observer.isInterrupted)
  }

  func print() throws {
    let filter = try options.pattern.map { try Filter($0) }
    var bounds = StatementHistory.Bounds()
    switch options.since {
    case .time(let time): bounds.since = time
    case .transaction(let number): bounds.lowest = number
    case .last, .beforeLast: break
    }
    switch options.until {
    case .time(let time): bounds.until = time
    case .transaction(let number): bounds.highest = number
    case .last, .beforeLast: break
    }
    var history = try StatementHistory(source, bounds)
    while let entry = try history.next() {
      let sql = String(decoding: entry.sql, as: UTF8.self)
      if let filter {
        guard entry.statement != nil, try filter.matches(sql) else { continue }
      }
      line(entry, sql)
    }
  }

  /// Whether the output is a terminal, which could take control characters for commands.
  private var onTerminal: Bool { session.output.goesToTerminal }

  private func line(_ entry: StatementHistory.Entry, _ sql: String) {
    let time = ISOTime.text(entry.transaction.time)
    let statement = entry.statement
    guard options.json else {
      var line = "\(time)  \(entry.transaction.number)  "
      if let barrier = entry.transaction.barrier {
        line += "-- statements unknown: \(barrier)"
      } else {
        line += "\(statement?.changes ?? 0) rows  "
        line += (statement?.told.duration).map { "\($0) us  " } ?? ""
        line += statement?.error.map { "failed (\(ResultCode(rawValue: $0).meaning))  " } ?? ""
        line += sql
        if !entry.parameters.isEmpty { line += "  -- \(entry.parameters)" }
      }
      return session.output.print(onTerminal ? line.escapingControls(keepingLines: true) : line)
    }
    var object = JSONText()
    object.add("time", text: time)
    object.add("transaction", raw: "\(entry.transaction.number)")
    if let session = entry.session { object.add("session", text: session) }
    if let barrier = entry.transaction.barrier { object.add("barrier", text: barrier) }
    if let statement {
      if let number = entry.number { object.add("statement", raw: "\(number)") }
      object.add("changes", raw: "\(statement.changes)")
      if let duration = statement.told.duration { object.add("duration_us", raw: "\(duration)") }
      if let error = statement.error { object.add("error", raw: "\(error)") }
      object.add("sql", text: sql)
      if !entry.parameters.isEmpty { object.add("parameters", text: entry.parameters) }
    }
    session.output.print(onTerminal ? object.text.escapingControls() : object.text)
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
