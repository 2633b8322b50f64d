internal import Bytes
internal import Files
internal import SQLite

/// The result of a dot-command.
package enum CommandOutcome: Sendable { case done, failed, quit }

extension Session {
  /// Runs one dot-command; `line` begins with the dot.
  package func runCommand(_ line: [UInt8]) throws -> CommandOutcome {
    var outcome = CommandOutcome.done
    failureCode = 1
    nextTaker = nil
    do {
      var words = Words(line[1...])
      guard !words.isBlank else { return .done }
      guard let type = commands.command(named: words.name) else {
        errors.print(
          "Error: unknown command or invalid arguments:  \"\(words.name)\". Enter \".help\" for help")
        return finishCommand(.failed)
      }
      if !type.spec.isSafe {
        let name = type.spec.isNamedAsTyped ? words.name : type.spec.name
        try requireUnsafe("cannot run .\(name) in safe mode")
      }
      outcome = try run(type, &words)
    }
    return finishCommand(outcome)
  }

  /// Runs a command of an option, which safe mode does not check.
  func runCommand(named name: String, _ words: Words) throws -> CommandOutcome {
    var words = words
    nextTaker = nil
    guard let type = commands.command(named: name) else { return .failed }
    return finishCommand(try run(type, &words))
  }

  private func run(_ type: any DotCommand.Type, _ words: inout Words) throws -> CommandOutcome {
    do {
      let command = try type.init(parsing: &words)
      for warning in words.takeWarnings() { errors.print(warning) }
      try showingOutput { try command.run(in: self) }
    } catch let error as CommandError {
      for warning in words.takeWarnings() { errors.print(warning) }
      switch error {
      case .usage: errors.print("Usage: \(type.spec.correction)")
      case .message(let text): errors.print(text)
      case .silent: break
      }
      return .failed
    } catch is Quit {
      return .quit
    } catch let exit as SessionExit {
      throw exit
    } catch let error as SQLFailure {
      errors.print("Error: \(error.message)")
      return .failed
    } catch {
      errors.print("Error: " + "\(error)".escapingControls())
      return .failed
    }
    return .done
  }

  private func finishCommand(_ outcome: CommandOutcome) -> CommandOutcome {
    if output.groupsLeft > 0 {
      output.groupsLeft -= 1
      if output.groupsLeft == 0 { resetOutput() }
    }
    settings.restoreSafeMode()
    return outcome
  }

  /// Returns output to stdout, and reports an error of showing a file.
  package func resetOutput() {
    output.reset()
    if let complaint = output.complaint {
      errors.print(complaint)
      output.complaint = nil
    }
  }

  /// Runs an input group that ends with a zero byte, and reports its failure; returns true on
  /// success.
  ///
  /// `line` is the number of its first line; nil if it was typed.
  func runGroup(_ sql: ByteBuffer, line: Int?) throws -> Bool {
    var succeeded = true
    if settings.backslash { Self.resolveEscapes(in: sql) }
    let seen = dumpRecognition
    dumpRecognition.willRun(sql, self)
    defer { dumpRecognition.didRun(self) }
    if settings.progress.resets { settings.progress.count = 0 }
    do {
      try measured { try showingOutput { try take(sql) } }
      if settings.showChanges { try printChanges() }
    } catch let failure as SQLFailure {
      succeeded = false
      // A statement that could not be compiled does not count before a dump.
      if failure.phase == .prepare { dumpRecognition.wasNotCompiled(seen) }
      let kind = failure.phase == .prepare ? "Parse error" : "Runtime error"
      errors.print(kind + (line.map { " near line \($0): " } ?? ": ") + failure.message)
    } catch let failure as SQLiteError {
      succeeded = false
      errors.print("Error" + (line.map { " near line \($0): " } ?? ": ") + failure.message)
    } catch is Unexplained {
      succeeded = false
      errors.print("Error" + (line.map { " near line \($0): " } ?? ": ") + ResultCode.ok.meaning)
    }
    if output.groupsLeft > 0 {
      output.groupsLeft = 0
      resetOutput()
    } else {
      output.deleteTemporaryFile()
    }
    settings.restoreSafeMode()
    return succeeded
  }

  /// Replaces the escapes of C in an input group, for `-backslash`.
  private static func resolveEscapes(in sql: ByteBuffer) {
    let resolved = Escapes.resolved(sql.bytes.dropLast())
    sql.removeAll()
    sql.append(resolved)
    sql.append(0)
  }

  /// Runs SQL from an argument; returns the code of its failure.
  package func runArgument(_ sql: [UInt8]) throws -> Int32 {
    let buffer = ByteBuffer(capacity: sql.count + 1)
    buffer.append(sql)
    buffer.append(0)
    do {
      try take(buffer)
      return inputDidComplete() > 0 ? 1 : 0
    } catch let failure as SQLFailure {
      errors.print("Error: \(failure.phase == .prepare ? "in prepare" : "stepping"), \(failure.message)")
      return failure.code
    } catch let failure as SQLiteError {
      errors.print("Error: \(failure.message)")
      return failure.code.primary.rawValue
    } catch let failure as Unexplained {
      errors.print("Error: unable to process SQL: \(String(preserving: sql))")
      return failure.code.primary.rawValue
    }
  }

  /// Gives a text to its taker, or runs it.
  private func take(_ sql: ByteBuffer) throws {
    guard let taker = nextTaker else { return try StatementRunner(session: self).run(sql) }
    nextTaker = nil
    try taker(sql)
  }

  /// Reads and runs lines of a source; returns the number of errors.
  package func read(_ source: any LineSource) throws -> Int {
    var loop = RunLoop(source, in: self, isTyped: false)
    return try loop.run()
  }

  /// Reads and runs typed lines; returns the number of errors.
  package func readTerminal(_ terminal: any TerminalInput) throws -> Int {
    var loop = RunLoop(
      PromptedLines(
        terminal, input, field: { [unowned self] in observers.map { $0.promptField(in: self) }.joined() }),
      in: self, isTyped: true)
    return try loop.run()
  }

  private func measured(_ body: () throws -> Void) rethrows {
    guard settings.timer else { return try body() }
    if settings.timesOnce { (settings.timer, settings.timesOnce) = (false, false) }
    let before = ProcessEnvironment.times
    defer {
      let after = ProcessEnvironment.times
      output.printToStandardOutput(
        "Run Time: real \(Numbers.fixed(after.real - before.real, digits: 3))"
          + " user \(Numbers.fixed(after.user - before.user, digits: 6))"
          + " sys \(Numbers.fixed(after.system - before.system, digits: 6))")
    }
    try body()
  }

  /// Runs something, and shows how much it has written if output goes to a file.
  private func showingOutput(_ body: () throws -> Void) rethrows {
    guard isInteractive, let counter = output.fileCounter else { return try body() }
    try progress.during(output.targetName, when: true, { (counter.bytes, nil) }, body)
  }

  private func printChanges() throws {
    let connection = try connection
    output.print("changes: \(connection.changes)   total_changes: \(connection.totalChanges)")
  }
}

/// Ends the current file, or the program at the outermost one.
package struct Quit: Error {
  package init() {}
}

extension Settings {
  /// Turns safe mode on again after the one command that a nonce allowed.
  mutating func restoreSafeMode() {
    if skipsSafeModeReturn {
      skipsSafeModeReturn = false
    } else if safeModeReturns {
      isSafe = true
    }
  }
}
