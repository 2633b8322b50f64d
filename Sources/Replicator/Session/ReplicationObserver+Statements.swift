import Files
import ReplicaFormat
package import SQLite

/// Handles the statement events of the connection, on its thread; every call must be quick.
extension ReplicationObserver {
  /// A statement under way.
  struct Running {
    let watched: WatchedStatement
    /// Rows changed on the connection before it.
    let totalChanges: Int64
    /// Whether it may end the transaction that writes, as `COMMIT` does.
    let endsWriting: Bool
    let mayCommit: Bool
  }

  func armHook() {
    connection?.setWALHook { [unowned self] schema, frames in
      if schema == "main" { self.didCommit(frames: frames) }
    }
  }

  /// Handles a commit of the statement under way; `frames` is the log's new length.
  private func didCommit(frames: Int) {
    guard let pipeline, !isInternal, let connection else { return }
    turn?.give()
    defer { connection.noteOwnCommit() }
    let endsWriting = current?.endsWriting == true
    if let running = current, !running.watched.isReadOnly {
      let statement = running.watched.statement
      recorder.add(statement, changes: connection.totalChanges - running.totalChanges, error: nil)
      committed = ObjectIdentifier(statement)
    }
    // A transaction whose statements were all rolled back counts too.
    guard !recorder.isEmpty || endsWriting else {
      // No statement committed this. A backup into the database is reported at the end of some
      // later statement. Without an announcement it becomes a barrier.
      lastAnnounced = frames
      withoutStatement.insert(frames)
      return pipeline.capturer.wakeup.raise()
    }
    // A COMMIT alone can change the database, for instance if it is to be reset.
    if recorder.isEmpty, let reason = connection.peculiarity { recorder.refuse(reason) }
    announce(pipeline, frames: frames)
  }

  func announce(_ pipeline: Pipeline, frames: Int) {
    lastAnnounced = frames
    withoutStatement.removeAll()
    // In a restarted log it may end at the same frame as the last one.
    lastSettled = -1
    pipeline.capturer.pendingCommits.announce(
      PendingCommits.Announcement(frame: frames, time: Clock.wallMicroseconds, group: recorder.commit()))
    if settings.durability == .async { pipeline.capturer.wakeup.raise() }
  }

  package func statementWillBegin(_ statement: Statement) {
    guard !isInternal, watched.isSet else { return }
    let connection = statement.connection
    let isReadOnly = statement.isReadOnly
    if pipeline != nil, statement.control.isPragma { suspendIfNeeded(statement, connection) }
    if isWaitingForContent, connection.isInAutocommit, startsContent(statement) {
      do {
        try start(wasEmpty: true)
      } catch {
        refuse(error)
      }
    }
    if standby != nil, connection.isInAutocommit, !isReadOnly { takeOverIfPossible() }
    if settings.durability == .sync, !isReadOnly, connection.isInAutocommit { takeTurn(connection) }
    guard pipeline != nil else { return }
    let isInAutocommit = connection.isInAutocommit
    takesPlainStatements = false
    if let current {
      outer.append(current)
    } else if !isRunningPlainly {
      if connection.settingsVersion != settingsVersion || recorder.endsSetting && isInAutocommit {
        noteSettings(connection)
      }
      recorder.begin()
      connection.forgetWhatWasDone()
    }
    // `COMMIT` and its like only read. A statement that writes within a transaction cannot commit
    // it.
    let mayCommit = isReadOnly != isInAutocommit
    let endsWriting = isReadOnly && !isInAutocommit && connection.transactionState("main") == 2
    current = Running(
      watched: WatchedStatement(statement, isReadOnly: isReadOnly), totalChanges: connection.totalChanges,
      endsWriting: endsWriting, mayCommit: mayCommit)
    if mayCommit { beginWriting(isInAutocommit ? connection : nil) }
  }

  /// Returns whether a statement may give an empty database content.
  ///
  /// Settings of the new file must come before it.
  private func startsContent(_ statement: Statement) -> Bool {
    switch statement.control {
    case .begin, .savepoint: true
    case .pragma: false
    default: !statement.isReadOnly
    }
  }

  package func statementDidEnd(_ statement: Statement, code: ResultCode) {
    if !isInternal {
      turn?.give()
      if let standby { didEndStandingBy(standby, statement) }
      if suspension != nil { didEndSuspended(statement) }
    }
    guard let running = takeRunning(statement) else { return }
    defer { if running.mayCommit, let pipeline { finishWriting(pipeline, statement.connection) } }
    guard !isInternal, pipeline != nil, watched.isSet else { return }
    let connection = statement.connection
    let isInAutocommit = connection.isInAutocommit
    if committed == ObjectIdentifier(statement) {
      committed = nil
    } else if !running.watched.isReadOnly, !isBegin(statement) {
      let changes = connection.totalChanges - running.totalChanges
      recorder.add(statement, changes: changes, error: code.isSuccess ? nil : code)
      if isInAutocommit {
        if changes != 0, !recorder.isEmpty, let pipeline { announceUnnoticed(pipeline) }
        recorder.discard()
      }
    } else if !isInAutocommit {
      if connection.totalChanges != running.totalChanges {
        recorder.refuse("a statement that only reads has changed rows")
      }
      recorder.noteControl(statement.control, code)
    } else {
      // The transaction was rolled back.
      recorder.discard()
    }
    recorder.noteEnd(statement, code)
    noteEffects(of: statement, connection)
    takesPlainStatements = !isInAutocommit && current == nil && recorder.takesPlainStatements(of: connection)
  }

  /// Notes effects of a statement besides changed rows.
  private func noteEffects(of statement: Statement, _ connection: Connection) {
    switch statement.control {
    case .pragma(let name, let value, _): didRunPragma(connection, statement, name: name, value: value)
    case .attach, .detach, .commit, .rollback, .rollbackTo: noteOtherSchemas(connection)
    case .begin, .savepoint, .release: break
    case .none:
      if statement.writesSchemaItself, connection.isOn("writable_schema") {
        connection.makePeculiar("the schema was written to by itself")
      }
      if statement.changesSchema { return noteOtherSchemas(connection) }
      // SQLite reports nothing about VACUUM when it compiles it, and VACUUM may change the page
      // size.
      if !statement.isReadOnly, statement.reach.isEmpty { return noteSettings(connection) }
      guard connection.hasInnerControl else { return }
      connection.notePragmas()
      if !connection.isInAutocommit {
        recorder.refuse("a function ran a statement that is more than a query")
      }
      noteSettings(connection)
      noteOtherSchemas(connection)
      armHook()
    }
  }

  // MARK: Plain statements

  package func willRunPlainly(_ statement: Statement) -> Bool {
    guard takesPlainStatements, !isRunningPlainly, !isInternal, pipeline != nil,
      statement.connection.settingsVersion == settingsVersion, !statement.connection.isInAutocommit
    else { return false }
    recorder.begin()
    isRunningPlainly = true
    return true
  }

  package func didRunPlainly(_ statement: Statement, changes: Int64) -> Bool {
    let isNoted = current == nil && recorder.addPlain(statement, changes: changes)
    if isNoted { isRunningPlainly = false }
    return isNoted
  }

  package func statementDidBegin(_ statement: Statement, totalChanges: Int64) {
    isRunningPlainly = false
    if let current { outer.append(current) }
    current = Running(
      watched: WatchedStatement(statement, isReadOnly: false), totalChanges: totalChanges, endsWriting: false,
      mayCommit: false)
  }

  /// Removes a statement from those under way; returns nil if it was not there.
  private func takeRunning(_ statement: Statement) -> Running? {
    if let running = current, running.watched.isOf(statement) {
      current = outer.popLast()
      return running
    }
    guard let at = outer.lastIndex(where: { $0.watched.isOf(statement) }) else { return nil }
    return outer.remove(at: at)
  }

  /// `BEGIN IMMEDIATE` and `BEGIN EXCLUSIVE` count as writes
  /// (https://www.sqlite.org/c3ref/stmt_readonly.html).
  private func isBegin(_ statement: Statement) -> Bool {
    if case .begin = statement.control { true } else { false }
  }

  package func contentDidChange(_ connection: Connection, by what: String) {
    // No statement made this change: the log shows it, and the statement log gets a barrier.
    pipeline?.capturer.wakeup.raise()
  }

  package func connectionWillClose(_ connection: Connection) { detach(isFlushed: false) }

  /// Notes that a statement begins that may commit; pass `connection` if no transaction is open.
  private func beginWriting(_ connection: Connection?) {
    guard let pipeline else { return }
    if writing == 0, let connection { checkpointIfDue(pipeline, connection) }
    writing += 1
    let waits = LockWaits.ofThread
    if waits !== lockWaits {
      lockWaits = waits
      pipeline.capturer.pendingCommits.follow(waits)
    }
    pipeline.capturer.pendingCommits.setWriting(true)
  }

  private func finishWriting(_ pipeline: Pipeline, _ connection: Connection) {
    writing -= 1
    guard writing == 0 else { return }
    pipeline.capturer.pendingCommits.setWriting(false)
    guard !isInternal, connection.isInAutocommit, lastSettled != lastAnnounced else { return }
    lastSettled = lastAnnounced
    if settings.durability == .sync { waitForCommit(pipeline) } else { pipeline.capturer.wakeup.raise() }
    checkpointUnderLoad(pipeline, connection)
    warnOfLongLog(pipeline)
  }
}
