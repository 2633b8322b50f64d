internal import CSQLite
internal import Synchronization

/// Learns what happens on a connection, on the thread that uses it.
///
/// Every statement that is stepped through `Statement` is reported, but not what SQLite runs inside
/// (triggers, virtual tables' own statements). Calls must return quickly and must not throw.
package protocol ConnectionObserver: AnyObject {
  /// Called before a statement takes its first step.
  func statementWillBegin(_ statement: Statement)
  /// Called after a statement ran to its end, failed, or was reset before its end (then `code` is
  /// `.ok`).
  func statementDidEnd(_ statement: Statement, code: ResultCode)
  /// Called before a plain statement takes its only step.
  ///
  /// True if `didRunPlainly` or `statementDidBegin` shall be called after it; false if
  /// `statementWillBegin` shall be called now.
  func willRunPlainly(_ statement: Statement) -> Bool
  /// Called after it ran to its end and touched nothing but the main database.
  ///
  /// Returns false if the observer wants the calls for any other statement. `changes` counts rows,
  /// also those of triggers.
  func didRunPlainly(_ statement: Statement, changes: Int64) -> Bool
  /// Called after its step if it is like any other statement: `statementDidEnd` follows.
  ///
  /// `totalChanges` counts the rows changed on the connection before it.
  func statementDidBegin(_ statement: Statement, totalChanges: Int64)
  /// Called after content of the main database was replaced or changed without a statement (backup
  /// API, deserialize).
  func contentDidChange(_ connection: Connection, by what: String)
  /// Called before the connection closes.
  func connectionWillClose(_ connection: Connection)
}

/// The connection that an observer watches, not owned.
///
/// The observer must release it in `connectionWillClose`, which every connection calls before it
/// ends.
package struct WatchedConnection {
  private unowned(unsafe) var known: Connection?

  package init() {}

  // Read for every statement, because a read of `known` would retain it.
  package private(set) var isSet = false

  package var connection: Connection? {
    get { known }
    set {
      known = newValue
      isSet = newValue != nil
    }
  }
}

/// A statement whose beginning was reported to an observer, not owned.
///
/// The observer must release it in `statementDidEnd`, which every statement calls before it ends.
package struct WatchedStatement {
  private unowned(unsafe) let known: Statement
  package let isReadOnly: Bool
  private let identity: ObjectIdentifier

  package init(_ statement: __shared Statement, isReadOnly: Bool) {
    known = statement
    identity = ObjectIdentifier(statement)
    self.isReadOnly = isReadOnly
  }

  package var statement: Statement { known }
  package func isOf(_ statement: Statement) -> Bool { identity == ObjectIdentifier(statement) }
}

/// Stops a connection's current statement from another thread.
///
/// The connection must outlive every call.
package struct InterruptHandle: @unchecked Sendable {
  // sqlite3_interrupt is the one call that SQLite allows from any thread at any time.
  fileprivate let database: OpaquePointer

  init(_ database: OpaquePointer) { self.database = database }

  /// Interrupts the connection; the corresponding C function is `sqlite3_interrupt`.
  package func interrupt() { sqlite3_interrupt(database) }
}

/// The connection that Ctrl-C interrupts.
///
/// `interrupt` may be called from a signal handler, if `connection` was set before.
package enum InterruptTarget {
  // The address of the connection, or 0.
  private static let address = Atomic<UInt>(0)

  /// Sets the connection; it must be unset before the connection closes.
  package static func set(_ connection: Connection?) {
    address.store(connection.map { UInt(bitPattern: $0.handle) } ?? 0, ordering: .sequentiallyConsistent)
  }

  /// Stops the connection's current statement, if there is one.
  package static func interrupt() {
    guard let database = OpaquePointer(bitPattern: address.load(ordering: .sequentiallyConsistent)) else {
      return
    }
    sqlite3_interrupt(database)
  }
}
