internal import CSQLite
internal import Synchronization

/// Is told what happens on a connection, on the thread that uses it.
///
/// Every statement stepped through `Statement` is reported, whoever prepared it, but not what SQLite runs
/// inside (triggers, virtual tables' own statements). Calls must return quickly and must not throw.
package protocol ConnectionObserver: AnyObject {
  /// A statement is about to take its first step.
  func statementWillBegin(_ statement: Statement)
  /// A statement ran to its end, failed, or was reset before its end (then `code` is `.ok`).
  func statementDidEnd(_ statement: Statement, code: ResultCode)
  /// A plain statement is about to take its only step: true if `didRunPlainly` is to be called after it, or
  /// `statementDidBegin`, false if `statementWillBegin`.
  func willRunPlainly(_ statement: Statement) -> Bool
  /// It has run to its end, and touched nothing but the main database; false if the observer wants to be told as of
  /// any other. `changes` counts rows, triggers' too.
  func didRunPlainly(_ statement: Statement, changes: Int64) -> Bool
  /// It has taken its step, and is like any other: `statementDidEnd` will be called; `totalChanges` counts rows changed on the
  /// connection before it.
  func statementDidBegin(_ statement: Statement, totalChanges: Int64)
  /// Content of the main database was replaced or changed without a statement (backup API, deserialize).
  func contentDidChange(_ connection: Connection, by what: String)
  /// The connection is about to close.
  func connectionWillClose(_ connection: Connection)
}

/// The connection that an observer watches, not owned.
///
/// The observer must let go of it in `connectionWillClose`, which every connection calls before it goes.
package struct WatchedConnection {
  private unowned(unsafe) var known: Connection?

  package init() {}

  // Asked for every statement: to look at `known` would be to retain it.
  package private(set) var isSet = false

  package var connection: Connection? {
    get { known }
    set {
      known = newValue
      isSet = newValue != nil
    }
  }
}

/// A statement that an observer was told the beginning of, not owned.
///
/// The observer must let go of it in `statementDidEnd`, which every statement calls before it goes.
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

/// Lets another thread stop the statement that a connection is running.
///
/// The connection must outlive every call.
package struct InterruptHandle: @unchecked Sendable {
  // sqlite3_interrupt is the one call that SQLite allows from any thread at any time.
  fileprivate let database: OpaquePointer

  init(_ database: OpaquePointer) { self.database = database }

  /// The corresponding C function is `sqlite3_interrupt`.
  package func interrupt() { sqlite3_interrupt(database) }
}

/// The connection that an interrupt from the keyboard should reach.
///
/// `interrupt` may be called from a signal handler, provided that `connection` was set before.
package enum InterruptTarget {
  // The address of the connection, or 0.
  private static let address = Atomic<UInt>(0)

  /// Chooses the connection; it must be unset before the connection is closed.
  package static func set(_ connection: Connection?) {
    address.store(connection.map { UInt(bitPattern: $0.handle) } ?? 0, ordering: .sequentiallyConsistent)
  }

  /// Stops the statement that the connection is running, if there is one.
  package static func interrupt() {
    guard let database = OpaquePointer(bitPattern: address.load(ordering: .sequentiallyConsistent)) else {
      return
    }
    sqlite3_interrupt(database)
  }
}
