import Bytes
import SQLite
import Shell
import TestSupport
import Testing

@Suite struct SessionTests {
  /// Records the calls.
  private final class Witness: SessionObserver {
    var notes: [String] = []
    var complaint: String?
    func connectionDidOpen(_ connection: Connection, in session: Session) {
      notes.append("open \(connection.path)")
    }
    func connectionWillClose(_ connection: Connection, in session: Session) { notes.append("close") }
    func inputDidComplete(in session: Session) -> Int {
      notes.append("input")
      return 0
    }
    func sessionWillEnd(_ session: Session) -> String? {
      notes.append("end")
      return complaint
    }
  }

  /// Lines of a list.
  private final class Lines: LineSource {
    private var lines: [String]
    init(_ lines: [String]) { self.lines = lines.reversed() }
    func appendLine(to buffer: ByteBuffer, isContinuation: Bool) -> LineResult {
      guard let line = lines.popLast() else { return .end }
      buffer.append(line)
      return .line
    }
  }

  /// Stops reading.
  private struct StopCommand: DotCommand {
    static let spec = CommandSpec(name: "stop", summary: "Stop")
    init(parsing words: inout Words) throws(CommandError) { try words.finish() }
    func run(in session: Session) throws { throw Quit() }
  }

  private func session(_ witness: Witness) -> Session {
    let session = Session(commands: CommandTable([], extras: [StopCommand.self]))
    session.database.name = ":memory:"
    session.add(witness)
    return session
  }

  @Test func opensTheDatabaseOnlyWhenItIsNeeded() throws {
    let witness = Witness()
    let session = session(witness)
    #expect(try session.read(Lines(["", "-- nothing", "#"])) == 0)
    #expect(witness.notes.isEmpty)
    #expect(try session.read(Lines(["create table t(a);"])) == 0)
    #expect(witness.notes == ["open :memory:", "input"])
  }

  @Test func notifiesObserversOfGroupsAndTheEnd() throws {
    let witness = Witness()
    let session = session(witness)
    #expect(
      try session.read(Lines(["create table t(a);", "insert into t", "values(1); insert into t values(2);"]))
        == 0)
    #expect(session.end().isEmpty)
    #expect(witness.notes == ["open :memory:", "input", "input", "end", "close"])
  }

  @Test func passesOnWhatAnObserverComplainsOf() {
    let witness = Witness()
    witness.complaint = "something is missing"
    #expect(session(witness).end() == ["something is missing"])
  }

  @Test func findsAnObserverByItsType() {
    let witness = Witness()
    let found: Witness? = session(witness).observer()
    #expect(found === witness)
  }

  @Test func reopensByTheSameName() throws {
    let folder = try TemporaryFolder()
    let witness = Witness()
    let session = session(witness)
    let path = folder.path("x.db")
    try session.database.open(path)
    try session.run(sql: "create table t(a)")
    try session.database.reopen()
    #expect(try session.connection.value("select count(*) from t") == .integer(0))
    #expect(witness.notes == ["open \(path)", "close", "open \(path)"])
  }

  @Test func anExtraCommandEndsTheInput() throws {
    let witness = Witness()
    let session = session(witness)
    #expect(try session.read(Lines([".stop", "create table t(a);"])) == 0)
    #expect(witness.notes == ["input"])
  }

  @Test func countsErrors() throws {
    let session = session(Witness())
    session.settings.bail = true
    #expect(try session.read(Lines([".stop now", ".stop"])) == 1)
  }

  @Test func anInterruptEndsAScript() throws {
    let witness = Witness()
    let session = session(witness)
    session.input.wasInterrupted = { witness.notes.contains("input") }
    #expect(try session.read(Lines(["create table t(a);", "create table u(a);", "create table v(a);"])) == 0)
    #expect(witness.notes == ["open :memory:", "input"])
  }
}
