import Bytes
import Files
import History
import SQLite
import Shell

/// Prints row changes, in colours at a terminal.
struct RowPrinter {
  /// Counts added, changed and removed rows.
  struct Counts {
    private(set) var added = 0
    private(set) var changed = 0
    private(set) var removed = 0

    var total: Int { added + changed + removed }
    var text: String { "+\(added) ~\(changed) -\(removed)" }

    mutating func add(_ kind: RowChange.Kind) {
      switch kind {
      case .added: added += 1
      case .changed: changed += 1
      case .removed: removed += 1
      }
    }
  }

  private let session: Session
  private let isColoured: Bool

  init(_ session: Session) {
    self.session = session
    let isUnwanted = ProcessEnvironment.variable("NO_COLOR").map { !$0.isEmpty } ?? false
    isColoured =
      session.output.goesToTerminal && (session.input.highlights ?? !isUnwanted)
      && ProcessEnvironment.variable("TERM") != "dumb"
  }

  func head(_ line: String) { write(line, "1") }

  private func write(_ line: String, _ colour: String) {
    let line = line.escapingControls()
    guard isColoured else { return session.output.print(line) }
    session.output.withControls { session.output.print("\u{1b}[\(colour)m\(line)\u{1b}[0m") }
  }

  private static let (green, yellow, red) = ("32", "33", "31")

  func print(_ change: SchemaChange, withText: Bool) {
    let name = "\(change.kind) \(change.name)"
    switch (change.before, change.after) {
    case (nil, let text): write("+ \(name)" + (withText ? ": \(text ?? "")" : ""), Self.green)
    case (let text, nil): write("- \(name)" + (withText ? ": \(text ?? "")" : ""), Self.red)
    default:
      write("~ \(name)", Self.yellow)
      guard withText else { return }
      write("  - \(change.before ?? "")", Self.red)
      write("  + \(change.after ?? "")", Self.green)
    }
  }

  func print(_ change: RowChange) {
    switch change.kind {
    case .added: write("+ \(Self.key(change)): \(Self.values(change.after, change))", Self.green)
    case .removed: write("- \(Self.key(change)): \(Self.values(change.before, change))", Self.red)
    case .changed:
      let columns = change.differing.map { name in
        "\(name) \(Self.short(change.before?.value(name))) -> \(Self.short(change.after?.value(name)))"
      }
      write("~ \(Self.key(change)): \(columns.joined(separator: ", "))", Self.yellow)
    }
  }

  /// Returns the row's key with the names of its columns, for example `id=3`.
  static func key(_ change: RowChange) -> String {
    zip(change.table.keyNames, change.key).map { "\($0)=\(short($1))" }.joined(separator: ", ")
  }

  private static func values(_ row: RowChange.Row?, _ change: RowChange) -> String {
    guard let row else { return "" }
    let keys = change.table.hasRowID ? [change.table.rowIDColumn].compactMap { $0 } : change.table.primaryKey
    return zip(row.columns, row.values).filter { column, _ in !keys.contains(column) }
      .map { "\($0)=\(short($1))" }.joined(separator: ", ")
  }

  /// The maximum bytes of a text that is printed whole; half of it for blobs.
  private static let most = 200

  /// Returns a value as a literal, shortened if it is too long.
  static func short(_ value: Value?) -> String {
    switch value {
    case nil: return "?"
    case .blob(let bytes)? where bytes.count > most / 2:
      return ChangeScript.literal(.blob(Array(bytes.prefix(16)))).dropLast() + "…' (\(bytes.count) bytes)"
    case .text(let text)? where text.utf8.count > most:
      return ChangeScript.literal(.text(String(text.prefix(most / 2)))).dropLast()
        + "…' (\(text.utf8.count) bytes)"
    case let value?: return ChangeScript.literal(value)
    }
  }
}
