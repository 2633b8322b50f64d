internal import CSQLite
internal import Synchronization

/// SQLite's own log of errors and warnings (https://www.sqlite.org/errlog.html).
package enum ErrorLog {
  private static let receiver = Mutex<(@Sendable (Int32, String) -> Void)?>(nil)

  /// Prepares the library.
  ///
  /// Without effect after its first use.
  package static func install() {
    csqlite_config_log({ _, code, message in
      guard let message else { return }
      let text = String(preservingCString: message)
      ErrorLog.receiver.withLock { $0 }?(code, text)
    })
  }

  /// Passes every entry to `body` from now on; with nil, to no receiver.
  package static func receive(_ body: (@Sendable (Int32, String) -> Void)?) {
    receiver.withLock { $0 = body }
  }
}
