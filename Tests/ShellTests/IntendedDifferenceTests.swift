import Foundation
import TestSupport
import Testing

/// What differs from sqlite3 on purpose (`Docs/Compatibility.md`).
@Suite struct IntendedDifferenceTests {
  private func both(
    _ script: String, _ arguments: [String] = [":memory:"], files: [String: String] = [:]
  ) throws -> (sqlite3: ShellHarness.Result, ours: ShellHarness.Result) {
    let (expected, actual) = try Oracle.compare(arguments, input: Data(script.utf8), files: files)
    return (expected, actual)
  }

  @Test func cloneOpensTheDatabaseFirst() throws {
    let (sqlite3, ours) = try both(".clone x\n")
    #expect(sqlite3.errors.contains("out of memory"))
    #expect(ours.errors.isEmpty && ours.code == 0)
  }

  @Test func anOptionWithoutItsWordIsAnError() throws {
    let (sqlite3, ours) = try both("", [":memory:", "-nonce"])
    #expect(sqlite3.code != 1)
    #expect(ours.errors.contains("missing argument to -nonce"))
    #expect(ours.code == 1)
  }

  @Test func aDumpHoldsNoQueryPlans() throws {
    let (sqlite3, ours) = try both("create table t(a);\n.eqp on\n.dump\n")
    #expect(sqlite3.output.contains("QUERY PLAN"))
    #expect(!ours.output.contains("QUERY PLAN"))
    #expect(ours.output.contains("CREATE TABLE t(a);"))
  }

  @Test func traceShowsTheStatementsBehindOurOwnCommands() throws {
    let (sqlite3, ours) = try both("create table t(a);\n.trace stdout\n.tables\n")
    #expect(sqlite3.output != ours.output)
    #expect(ours.output.contains("sqlite_schema") && ours.output.hasSuffix("t\n"))
  }

  @Test func theShellWorksAfterAnOpenThatFailed() throws {
    let (sqlite3, ours) = try both(".open nodir/x\ncreate table t(a);\n.schema\n")
    #expect(sqlite3.errors.contains("no such function: shell_add_schema"))
    #expect(!ours.errors.contains("no such function"))
    #expect(ours.output.contains("CREATE TABLE t(a);"))
  }

  @Test func versionNamesTheLibraryAlone() throws {
    let (sqlite3, ours) = try both(".version\n")
    #expect(sqlite3.output.hasPrefix(ours.output))
    #expect(ours.output.hasPrefix("SQLite 3."))
  }

  @Test func zeroBytesInATextDatabaseHideNoMoreThanTheirLine() throws {
    let script = ".open --hexdb\n| size 4096 pagesize 4096 fil\0ename x\n| end x\nselect 5;\n"
    #expect(try both(script).ours.code <= 1)
  }
}
