internal import Bytes
package import Render
package import SQLite

/// Runs the statements of a text one after the other and writes their rows.
struct StatementRunner {
  let session: Session

  /// Runs all statements of a buffer that ends with a zero byte, up to the first failure.
  func run(_ sql: ByteBuffer) throws {
    let connection = try session.connection
    // Errors show blanks before the first statement, too.
    var at = 0
    while at < sql.count - 1 {
      let statement: Statement?
      let next: Int
      do throws(SQLiteError) {
        (statement, next) = try connection.prepare(sql, from: at)
      } catch {
        try session.checkSafety()
        throw SQLFailure(error, .prepare, in: sql, from: at)
      }
      if let statement { try run(statement) }
      // A zero byte ends the text.
      guard next > at else { return }
      at = skipSpaces(sql, from: next)
    }
  }

  private func run(_ statement: Statement) throws {
    let showsPlan = session.settings.queryPlan != .off && statement.explainLevel == 0
    let followsProgram = showsPlan && explain(statement)
    try ParameterBinder(statement.connection).bind(statement)
    var failure: SQLiteError?
    if statement.columnCount == 0 {
      do throws(SQLiteError) { while try statement.step() {} } catch { failure = error }
    } else {
      var renderer = session.renderer(for: statement, followsProgram: followsProgram)
      failure = session.output.writeInMode(statement, with: &renderer)
    }
    if session.settings.stats != .off { session.printStatistics(of: statement) }
    if let failure {
      try session.checkSafety()
      throw SQLFailure(failure, .step)
    }
  }

  /// Shows the plan of a statement, as `.eqp` asks; returns true if its program was listed.
  private func explain(_ statement: Statement) -> Bool {
    let connection = statement.connection
    let showsTriggers = session.settings.queryPlan == .trigger
    if showsTriggers { connection.set("trigger_eqp", true) }
    defer { if showsTriggers { connection.set("trigger_eqp", false) } }
    if Dialect.current.listsOwnProgram { return explainItself(statement) }
    let plan = try? connection.prepare("EXPLAIN QUERY PLAN \(statement.sql)")
    if let plan {
      var renderer = OutputMode.queryPlan.renderer(session.output.options)
      _ = session.output.write(plan, with: &renderer)
    }
    guard session.settings.queryPlan >= .full,
      let program = try? connection.prepare("EXPLAIN \(statement.sql)")
    else { return false }
    var renderer = OutputMode.explain.renderer(session.output.options)
    _ = session.output.write(program, with: &renderer)
    return true
  }

  /// Does the same with the statement itself, which is explained instead of run.
  private func explainItself(_ statement: Statement) -> Bool {
    defer { _ = statement.explain(as: 0) }
    if statement.explain(as: 2) {
      try? ParameterBinder(statement.connection).bind(statement)
      var renderer = OutputMode.queryPlan.renderer(session.output.options)
      _ = session.output.write(statement, with: &renderer)
    }
    guard session.settings.queryPlan >= .full, statement.explain(as: 1) else { return false }
    try? ParameterBinder(statement.connection).bind(statement)
    var renderer = OutputMode.explain.renderer(session.output.options)
    _ = session.output.write(statement, with: &renderer)
    return true
  }

  private func skipSpaces(_ sql: ByteBuffer, from start: Int) -> Int {
    var at = start
    while at < sql.count - 1 && ASCII.isSpace(sql[at]) { at += 1 }
    return at
  }
}

extension Session {
  /// Returns the renderer for a statement's rows in the current mode.
  func renderer(for statement: Statement, followsProgram: Bool = false) -> any RowRenderer {
    var options = output.options
    options.followsProgram = followsProgram
    options.escape = output.controlEscape
    return switch statement.explainLevel {
    case 1 where settings.explain == .automatic: OutputMode.explain.renderer(options)
    case 2 where settings.explain == .automatic: OutputMode.queryPlan.renderer(options)
    default: options.mode.renderer(options)
    }
  }

  /// Runs statements of a text and writes their rows; for commands that use SQL.
  package func run(sql: String) throws {
    let buffer = ByteBuffer(capacity: sql.utf8.count + 1)
    buffer.append(sql)
    buffer.append(0)
    try StatementRunner(session: self).run(buffer)
  }
}

extension OutputState {
  /// Steps a statement to its end and writes its rows; returns what stopped it early.
  package func write(_ statement: Statement, with renderer: inout any RowRenderer) -> SQLiteError? {
    renderer.render(statement, to: sink)
  }

  /// Writes rows.
  ///
  /// Modes without columns show control characters as chosen; a terminal never gets them raw.
  private func renderEscaped(
    _ statement: Statement, with renderer: inout any RowRenderer, to target: Sink
  ) -> SQLiteError? {
    guard let escape = escapeChoice, escape != .off, !options.mode.isColumnar else {
      return renderer.render(statement, to: target)
    }
    let filtered = Sink(limit: 1 << 12) { rows in
      escape.apply(to: rows)
      target.buffer.append(rows)
      target.rowEnded()
      return !target.hasFailed
    }
    let failure = renderer.render(statement, to: filtered)
    filtered.flush()
    return failure
  }

  /// Writes the rows of a statement in the chosen mode.
  ///
  /// `.show` lists a width for every column that a columnar mode has ever written.
  func writeInMode(_ statement: Statement, with renderer: inout any RowRenderer) -> SQLiteError? {
    let before = sink.buffer.count
    // Counts of rows go to standard output, wherever rows themselves go.
    let isCount = options.mode == .count && statement.explainLevel == 0
    let failure = renderEscaped(statement, with: &renderer, to: isCount ? standard : sink)
    let missing = statement.columnCount - options.widths.count
    let isShownInMode = options.mode.isColumnar && statement.explainLevel == 0
    if isShownInMode && sink.buffer.count != before && missing > 0 {
      options.widths += Array(repeating: 0, count: missing)
    }
    return failure
  }
}
