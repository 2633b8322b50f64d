internal import CSQLite
internal import Glibc

/// The closures that SQLite calls back; they live as long as the connection.
final class Hooks {
  var walCommit: ((_ schema: String, _ frames: Int) -> Void)?
  var progress: (() -> Bool)?
  var busy: ((_ attempt: Int) -> Bool)?
  var authorizer: ((AuthorizerRequest) -> AuthorizerAnswer)?
  var reach: ReachWatch?
  var replay: ReplayGuard?
  var largestRows: LargestRows?
  /// The last value of `ownDataVersion`.
  var ownDataVersion: Int64?
  var trace: ((TraceEvent) -> Void)?
  /// Whether current statements are hidden from authorizer, progress handler, tracer and `reach`.
  var isQuiet = false { didSet { reach?.isPaused = isQuiet } }
}

/// An action of a statement that is being compiled
/// (https://www.sqlite.org/c3ref/c_alter_table.html).
package struct AuthorizerRequest: Sendable {
  package static let attach = SQLITE_ATTACH
  package static let function = SQLITE_FUNCTION
  package static let insert = SQLITE_INSERT
  package static let update = SQLITE_UPDATE
  package static let delete = SQLITE_DELETE

  package let action: Int32
  package let first: String?
  package let second: String?
  package let database: String?
  package let trigger: String?
}

package enum AuthorizerAnswer: Sendable { case ok, deny, ignore }

/// An event that the tracer reports (https://www.sqlite.org/c3ref/c_trace.html).
package enum TraceEvent {
  case statement(sql: String, expanded: String?)
  case profile(sql: String, expanded: String?, nanoseconds: Int64)
  case row(sql: String)
  case close
}

/// The kinds of `TraceEvent` to report.
package struct TraceMask: OptionSet, Sendable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  package static let statement = TraceMask(rawValue: UInt32(SQLITE_TRACE_STMT))
  package static let profile = TraceMask(rawValue: UInt32(SQLITE_TRACE_PROFILE))
  package static let row = TraceMask(rawValue: UInt32(SQLITE_TRACE_ROW))
  package static let close = TraceMask(rawValue: UInt32(SQLITE_TRACE_CLOSE))
}

extension Connection {
  /// Whether statements are hidden from the authorizer, the progress handler and the tracer,
  /// because they are not the user's.
  ///
  /// What user statements touch is kept meanwhile: one may be running.
  package var isQuiet: Bool {
    get { hooks.isQuiet }
    set { hooks.isQuiet = newValue }
  }

  /// Runs statements that neither the user nor observers see.
  func quietly<Value>(_ body: () -> Value) -> Value {
    let (observer, wasQuiet) = (observer, isQuiet)
    self.observer = nil
    isQuiet = true
    defer {
      self.observer = observer
      isQuiet = wasQuiet
    }
    return body()
  }

  /// Calls `body` after each commit in WAL mode with the number of frames in the log.
  ///
  /// It replaces automatic checkpoints, and `PRAGMA wal_autocheckpoint` replaces it: call again
  /// after that. The corresponding C function is `sqlite3_wal_hook`.
  package func setWALHook(_ body: ((_ schema: String, _ frames: Int) -> Void)?) {
    hooks.walCommit = body
    guard body != nil else {
      sqlite3_wal_hook(handle, nil, nil)
      return
    }
    sqlite3_wal_hook(
      handle,
      { context, _, schema, frames in
        guard let context, let schema else { return SQLITE_OK }
        let hooks = Unmanaged<Hooks>.fromOpaque(context).takeUnretainedValue()
        // Almost always "main", so the allocation is avoided.
        hooks.walCommit?(
          strcmp(schema, "main") == 0 ? "main" : String(preservingCString: schema), Int(frames))
        return SQLITE_OK
      }, Unmanaged.passUnretained(hooks).toOpaque())
  }

  /// Restores SQLite's own automatic checkpoint.
  ///
  /// The C function is `sqlite3_wal_autocheckpoint`.
  package func setAutomaticCheckpoint(frames: Int32) {
    hooks.walCommit = nil
    sqlite3_wal_autocheckpoint(handle, frames)
  }

  /// Calls `body` every `steps` virtual machine instructions; if it returns true, the statement
  /// stops.
  ///
  /// The corresponding C function is `sqlite3_progress_handler`.
  package func setProgressHandler(every steps: Int32, _ body: (() -> Bool)?) {
    hooks.progress = body.map { body in
      { [unowned self] in
        guard body() else { return false }
        if self.isReadingSchema { self.noteInterruptedSchema() }
        return true
      }
    }
    guard body != nil else {
      sqlite3_progress_handler(handle, 0, nil, nil)
      return
    }
    sqlite3_progress_handler(
      handle, steps,
      { context in
        guard let context else { return 0 }
        let hooks = Unmanaged<Hooks>.fromOpaque(context).takeUnretainedValue()
        return !hooks.isQuiet && hooks.progress?() == true ? 1 : 0
      }, Unmanaged.passUnretained(hooks).toOpaque())
  }

  /// Asks `body` about every action of a statement that is being compiled.
  ///
  /// The corresponding C function is `sqlite3_set_authorizer`.
  package func setAuthorizer(_ body: ((AuthorizerRequest) -> AuthorizerAnswer)?) {
    hooks.authorizer = body
    installAuthorizer()
  }

  /// Sets SQLite's authorizer if a hook needs it.
  func installAuthorizer() {
    if let replay = hooks.replay {
      sqlite3_set_authorizer(
        handle,
        { context, action, first, second, _, _ in
          guard let context else { return SQLITE_DENY }
          return Unmanaged<ReplayGuard>.fromOpaque(context)._withUnsafeGuaranteedRef {
            $0.answer(action, first, second)
          }
        }, Unmanaged.passUnretained(replay).toOpaque())
      return
    }
    guard hooks.authorizer != nil || hooks.reach != nil else {
      sqlite3_set_authorizer(handle, nil, nil)
      return
    }
    if hooks.authorizer == nil, let reach = hooks.reach {
      sqlite3_set_authorizer(
        handle,
        { context, action, first, second, database, _ in
          guard let context else { return SQLITE_OK }
          Unmanaged<ReachWatch>.fromOpaque(context)._withUnsafeGuaranteedRef {
            $0.note(action, first, second, database)
          }
          return SQLITE_OK
        }, Unmanaged.passUnretained(reach).toOpaque())
      return
    }
    sqlite3_set_authorizer(
      handle,
      { context, action, first, second, database, trigger in
        guard let context else { return SQLITE_OK }
        return Unmanaged<Hooks>.fromOpaque(context)._withUnsafeGuaranteedRef { hooks in
          hooks.reach?.note(action, first, second, database)
          guard !hooks.isQuiet, let authorizer = hooks.authorizer else { return SQLITE_OK }
          let request = AuthorizerRequest(
            action: action, first: first.map { String(preservingCString: $0) },
            second: second.map { String(preservingCString: $0) },
            database: database.map { String(preservingCString: $0) },
            trigger: trigger.map { String(preservingCString: $0) })
          switch authorizer(request) {
          case .deny: return SQLITE_DENY
          case .ignore: return SQLITE_IGNORE
          case .ok: return SQLITE_OK
          }
        }
      }, Unmanaged.passUnretained(hooks).toOpaque())
  }

  /// Reports statements that run.
  ///
  /// The corresponding C function is `sqlite3_trace_v2`.
  package func setTrace(_ mask: TraceMask, _ body: ((TraceEvent) -> Void)?) {
    hooks.trace = body
    guard body != nil else {
      sqlite3_trace_v2(handle, 0, nil, nil)
      return
    }
    sqlite3_trace_v2(
      handle, mask.rawValue,
      { kind, context, subject, detail in
        guard let context, let subject else { return 0 }
        let hooks = Unmanaged<Hooks>.fromOpaque(context).takeUnretainedValue()
        guard !hooks.isQuiet else { return 0 }
        let report = hooks.trace
        if kind == UInt32(SQLITE_TRACE_CLOSE) {
          report?(.close)
          return 0
        }
        let statement = OpaquePointer(subject)
        let sql = sqlite3_sql(statement).map { String(preservingCString: $0) } ?? ""
        switch kind {
        case UInt32(SQLITE_TRACE_STMT):
          // > X is a pointer to the unexpanded SQL text … or a comment "-- " for trigger programs
          let text = detail.map { String(preservingCString: $0.assumingMemoryBound(to: CChar.self)) } ?? sql
          report?(.statement(sql: text, expanded: text.hasPrefix("--") ? text : expandedSQL(statement)))
        case UInt32(SQLITE_TRACE_PROFILE):
          let time = detail.map { $0.assumingMemoryBound(to: Int64.self).pointee } ?? 0
          report?(.profile(sql: sql, expanded: expandedSQL(statement), nanoseconds: time))
        default: report?(.row(sql: sql))
        }
        return 0
      }, Unmanaged.passUnretained(hooks).toOpaque())
  }
}

private func expandedSQL(_ statement: OpaquePointer) -> String? {
  guard let text = sqlite3_expanded_sql(statement) else { return nil }
  defer { sqlite3_free(text) }
  return String(preservingCString: text)
}
