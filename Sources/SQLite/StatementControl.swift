internal import CSQLite
internal import Glibc

/// The effects of a statement on transactions, settings and attached databases, by SQLite's calls
/// of its authorizer during compilation.
///
/// The text of a statement is not reliable: a `;`, a long comment or EXPLAIN may stand before the
/// first keyword.
package enum StatementControl: Sendable {
  /// Nothing of this kind.
  case none
  case begin
  case commit
  case rollback
  case savepoint(SavepointName)
  case release(SavepointName)
  case rollbackTo(SavepointName)
  /// A pragma by its name in lower case, with its value and its schema, if there are any.
  case pragma(name: String, value: String?, schema: String?)
  case attach
  case detach

  package var isPragma: Bool { if case .pragma = self { true } else { false } }
}

/// The name of a savepoint.
///
/// Names are equal as in SQLite: ASCII letters without case, all else byte by byte.
package struct SavepointName: Hashable, Sendable {
  private let folded: [UInt8]

  package init(_ name: String) { self.init(Array(name.utf8)) }

  init(_ bytes: [UInt8]) {
    folded = bytes.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }
}

/// Records the control effects of the compiled statements of a connection.
final class ControlWatch {
  /// The last compiled statement.
  private(set) var control = StatementControl.none
  /// Whether rows are changed, also those of the schema, and whether a schema is.
  private(set) var changesRows = false
  private(set) var changesSchema = false
  /// Whether rows of the main database's schema are written, as in every change of it.
  private(set) var writesSchema = false
  private var hasNoted = false
  /// A pragma with a value whose effect is unknown; some pragmas run while they are compiled.
  var unknownPragma: String?

  /// Forgets all statements that were compiled so far.
  func begin() {
    guard hasNoted else { return }
    hasNoted = false
    control = .none
    changesRows = false
    changesSchema = false
    writesSchema = false
  }

  func note(
    _ action: Int32, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?,
    _ schema: UnsafePointer<CChar>?
  ) {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_FUNCTION, SQLITE_RECURSIVE: return
    case SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE:
      changesRows = true
      if let first, first[0] == CChar(bitPattern: UInt8(ascii: "s")),
        strcmp(first, "sqlite_master") == 0 || strcmp(first, "sqlite_schema") == 0
      {
        writesSchema = true
      }
    case SQLITE_TRANSACTION:
      switch first.map({ UInt8(bitPattern: $0.pointee) }) {
      case UInt8(ascii: "B"): control = .begin
      case UInt8(ascii: "C"): control = .commit
      default: control = .rollback
      }
    case SQLITE_SAVEPOINT:
      guard let first, let second else { return }
      let name = SavepointName(Array(UnsafeRawBufferPointer(start: second, count: strlen(second))))
      control = Self.savepoint(String(cString: first), name)
    case SQLITE_PRAGMA:
      if second != nil, let first {
        let name = String(cString: first).lowercased()
        if !ReplayRules.knownToSet.contains(name) { unknownPragma = name }
      }
      control = .pragma(
        name: first.map { String(preservingCString: $0).lowercased() } ?? "",
        value: second.map { String(preservingCString: $0) },
        schema: schema.map { String(preservingCString: $0) })
    case SQLITE_ATTACH: control = .attach
    case SQLITE_DETACH: control = .detach
    case SQLITE_ANALYZE, SQLITE_REINDEX: break
    default: changesSchema = true
    }
    hasNoted = true
  }

  /// > the third parameter is BEGIN, RELEASE or ROLLBACK, the fourth the savepoint's name
  private static func savepoint(_ operation: String, _ name: SavepointName) -> StatementControl {
    switch operation {
    case "BEGIN": .savepoint(name)
    case "RELEASE": .release(name)
    default: .rollbackTo(name)
    }
  }
}

extension Connection {
  /// Notes an unknown pragma, because the effect of later statements may depend on it.
  package func notePragmas() {
    guard let watch = hooks.reach?.control, let name = watch.unknownPragma else { return }
    watch.unknownPragma = nil
    makePeculiar("PRAGMA \(name) was set")
  }

  /// Whether a statement that controls more than rows was compiled inside another one since
  /// `beginReach`.
  package var hasInnerControl: Bool {
    switch hooks.reach?.control.control {
    case nil, .some(.none), .pragma(name: _, value: nil, schema: _): false
    default: true
    }
  }
}
