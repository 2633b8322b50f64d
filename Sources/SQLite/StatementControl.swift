internal import CSQLite
internal import Glibc

/// What a statement does to transactions, settings and attached databases, as SQLite tells its authorizer while it compiles.
///
/// The text of a statement says nothing certain: a `;`, a comment of any length or EXPLAIN may stand before the word that counts.
package enum StatementControl: Sendable {
  /// Nothing of the kind.
  case none
  case begin
  case commit
  case rollback
  case savepoint(SavepointName)
  case release(SavepointName)
  case rollbackTo(SavepointName)
  /// A pragma by its name in lower case, the value that it is given, and the schema that it is asked of, if they are there.
  case pragma(name: String, value: String?, schema: String?)
  case attach
  case detach

  package var isPragma: Bool { if case .pragma = self { true } else { false } }
}

/// The name of a savepoint; equal as SQLite compares them: letters of ASCII in either case, all else byte by byte.
package struct SavepointName: Hashable, Sendable {
  private let folded: [UInt8]

  package init(_ name: String) { self.init(Array(name.utf8)) }

  init(_ bytes: [UInt8]) {
    folded = bytes.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
  }
}

/// Notes what the statements that a connection compiles control.
final class ControlWatch {
  /// Of the statement that was compiled last.
  private(set) var control = StatementControl.none
  /// Whether rows are changed, those of the schema too, and whether a schema is.
  private(set) var changesRows = false
  private(set) var changesSchema = false
  /// Whether rows of the main database's schema are written, as every change of it does.
  private(set) var writesSchema = false
  private var hasNoted = false
  /// A pragma that was given a value and of which it is not known what that changes; some are run while they are compiled.
  var unknownPragma: String?

  /// Forgets what was compiled so far.
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
  /// After a pragma that nobody knows, what statements do may follow from it.
  package func notePragmas() {
    guard let watch = hooks.reach?.control, let name = watch.unknownPragma else { return }
    watch.unknownPragma = nil
    makePeculiar("PRAGMA \(name) was set")
  }

  /// Whether a statement was compiled since `beginReach`, inside another one, that controls more than rows.
  package var hasInnerControl: Bool {
    switch hooks.reach?.control.control {
    case nil, .some(.none), .pragma(name: _, value: nil, schema: _): false
    default: true
    }
  }
}
