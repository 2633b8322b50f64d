import Bytes
import Files
import History
import Replica
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Prints which rows differ between two moments of a replica, or between two database files.
struct MirrorDiff {
  struct Options {
    enum Form { case rows, summary, sql, json }

    /// The moments to compare: none for the last transaction, one to compare with the newest state.
    var moments: [Moment] = []
    /// Table names in lower case; empty for all tables.
    var tables: [String] = []
    var form = Form.rows
    var changeset: String?
    var from: String?
    /// Two files to compare in place of moments.
    var files: (old: String, new: String)?

    init(parsing words: inout Words) throws(CommandError) {
      var others: [String] = []
      while let word = words.optional() {
        switch word {
        case "--summary", "-summary": form = .summary
        case "--sql", "-sql": form = .sql
        case "--json", "-json": form = .json
        case "--changeset", "-changeset": changeset = try words.required()
        case "--from", "-from": from = try words.required()
        case "--files", "-files": files = (try words.required(), try words.required())
        default: others.append(word)
        }
      }
      var rest = others[...]
      while files == nil, moments.count < 2, let moment = MomentWords.take(&rest) { moments.append(moment) }
      tables = rest.map { $0.lowercased() }
      if let option = rest.first(where: { $0.hasPrefix("-") }) {
        throw .message("Error: unknown option: \(option)")
      }
      if files != nil, from != nil { throw .message("Error: --files compares files: leave out --from") }
    }
  }

  let session: Session
  let observer: MirrorSession
  let options: Options

  func run() throws {
    if let (old, new) = options.files {
      let isInterrupted = observer.isInterrupted
      let diff = try RowDiff(fromFile: old, toFile: new) {
        if isInterrupted?() == true { throw CommandError.message("Error: interrupted") }
      }
      return try print(diff, from: old, to: new, place: "in both files")
    }
    let past = observer.past
    past.register()
    let replica = try past.present(session, from: options.from)
    let (from, to) = try MirrorDiff.ends(options.moments, replica)
    let diff = try RowDiff(from: from, to: to, past.files) { try replica.source.checkInterrupt() }
    try print(
      diff, from: PastSession.text(from), to: PastSession.text(to),
      place: "at transactions \(from.moment.transaction) and \(to.moment.transaction)")
  }

  /// Prints a comparison in the form that the options ask for.
  private func print(_ diff: RowDiff, from: String, to: String, place: String) throws {
    for name in options.tables where diff.before.tables[name] == nil && diff.after.tables[name] == nil {
      throw CommandError.message("Error: no table \(name) \(place)")
    }
    if let file = options.changeset { try write(diff, to: file) }
    switch options.form {
    case .sql:
      try ChangeScript.script(diff, tables: options.tables.isEmpty ? nil : options.tables) {
        session.output.print(session.output.goesToTerminal ? $0.escapingControls(keepingLines: true) : $0)
      }
      for notice in try notices(diff) { session.errors.tell("-- \(notice)") }
    case .json: try json(diff)
    case .rows, .summary:
      if options.changeset == nil || options.form == .summary { try text(diff, from, to) }
    }
  }

  /// Returns the two moments that a command compares.
  static func ends(_ moments: [Moment], _ replica: PastReplica) throws -> (PageReader, PageReader) {
    switch moments.count {
    case 2:
      let from = try replica.open(RestoreTarget(moments[0]))
      return (from, try replica.open(RestoreTarget(moments[1]), near: from))
    case 1:
      let from = try replica.open(RestoreTarget(moments[0]))
      return (from, try replica.open(RestoreTarget(.last), near: from))
    default:
      return try change(replica.open(RestoreTarget(.last)), replica)
    }
  }

  /// Returns the states before and after the transaction of a moment.
  static func change(_ after: PageReader, _ replica: PastReplica) throws -> (PageReader, PageReader) {
    let number = after.moment.transaction
    guard number > 0 else { throw CommandError.message("Error: no transaction was committed yet") }
    let before = try replica.open(RestoreTarget(.transaction(number - 1)), near: after)
    return (before, try replica.open(RestoreTarget(.transaction(number)), near: before))
  }

  private var onTerminal: Bool { session.output.goesToTerminal }

  private func tables(_ diff: RowDiff) -> [String] {
    options.tables.isEmpty ? diff.tableNames : options.tables
  }

  // MARK: Text

  private func text(_ diff: RowDiff, _ from: String, _ to: String) throws {
    let printer = RowPrinter(session)
    printer.head("from \(from)")
    printer.head("to   \(to)")
    for change in diff.schemaChanges
    where options.tables.isEmpty || options.tables.contains(change.name.lowercased()) {
      printer.print(change, withText: options.form == .rows)
    }
    for name in tables(diff) {
      var counts = RowPrinter.Counts()
      // The counts stand above the rows. Therefore the first rows are kept, and further ones are
      // read twice.
      var kept: [RowChange] = []
      try diff.forEachChange(of: name) { change in
        counts.add(change.kind)
        if options.form == .rows, kept.count < Self.most { kept.append(change) }
      }
      guard counts.total > 0 else { continue }
      printer.head(
        "\(diff.after.tables[name]?.name ?? diff.before.tables[name]?.name ?? name): \(counts.text)")
      guard options.form == .rows else { continue }
      for change in kept { printer.print(change) }
      guard counts.total > kept.count else { continue }
      var number = 0
      try diff.forEachChange(of: name) { change in
        number += 1
        if number > kept.count { printer.print(change) }
      }
    }
    for notice in try notices(diff) { session.output.tell("-- \(notice)") }
  }

  /// The maximum number of rows in memory.
  private static let most = 10_000

  /// Returns a line for each table that was not compared.
  private func notices(_ diff: RowDiff) throws -> [String] {
    let state = diff.comparesFiles ? "is in the files" : "changed"
    return try diff.changedVirtualTables().map { "virtual table \($0) \(state); its rows are not compared" }
      + diff.hiddenTables.map { "table \($0) is not compared: its columns hide the rowid" }
  }

  // MARK: JSON

  private func json(_ diff: RowDiff) throws {
    for change in diff.schemaChanges
    where options.tables.isEmpty || options.tables.contains(change.name.lowercased()) {
      var object = JSONText()
      object.add("schema", text: change.kind)
      object.add("name", text: change.name)
      object.add("before", text: change.before)
      object.add("after", text: change.after)
      print(object)
    }
    for name in tables(diff) {
      try diff.forEachChange(of: name) { change in
        var object = JSONText()
        object.add("table", text: change.table.name)
        object.add("change", text: "\(change.kind)")
        object.add("key", raw: Self.object(change.table.keyNames, change.key))
        if let row = change.before { object.add("before", raw: Self.object(row.columns, row.values)) }
        if let row = change.after { object.add("after", raw: Self.object(row.columns, row.values)) }
        print(object)
      }
    }
    for notice in try notices(diff) { session.errors.tell("-- \(notice)") }
  }

  private func print(_ object: JSONText) {
    session.output.print(onTerminal ? object.text.escapingControls() : object.text)
  }

  static func object(_ names: [String], _ values: [Value]) -> String {
    var object = JSONText()
    for (name, value) in zip(names, values) { object.add(name, raw: json(value)) }
    return object.text
  }

  /// Returns a value as JSON.
  ///
  /// JSON has no blobs, so a blob becomes an object with its bytes in hexadecimal.
  private static func json(_ value: Value) -> String {
    switch value {
    case .null: return "null"
    case .integer(let number): return "\(number)"
    case .real(let number):
      let buffer = ByteBuffer(capacity: 64)
      buffer.append(numeral: number)
      return String(decoding: buffer.bytes, as: UTF8.self)
    case .text(let text): return JSONText.quoted(String(decoding: text.preservedBytes, as: UTF8.self))
    case .blob: return "{\"blob\":\"\(ChangeScript.literal(value).dropFirst(2).dropLast())\"}"
    }
  }

  // MARK: Changeset

  private func write(_ diff: RowDiff, to file: String) throws {
    var changeset = Changeset()
    for name in tables(diff) {
      guard let table = diff.after.tables[name], diff.before.tables[name] != nil else { continue }
      guard !table.primaryKey.isEmpty else {
        session.errors.tell("-- table \(table.name) has no primary key: a changeset cannot hold its rows")
        continue
      }
      try changeset.begin(table)
      try diff.forEachChange(of: name) { try changeset.add($0) }
    }
    try AtomicFile.write(changeset.bytes, to: file)
  }
}
