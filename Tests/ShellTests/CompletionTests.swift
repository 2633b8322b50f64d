import Foundation
import TestSupport
import Testing

/// TAB completion, at a real terminal.
@Suite(.serialized) struct CompletionTests {
  @Test(arguments: [
    // SQL
    ("sele\t 1;", "select  1;"), ("SELE\t 1;", "SELECT  1;"),
    ("select * from wal\t;", "select * from walrus ;"),
    ("select walrus.tu\t from walrus;", "select walrus.tusk  from walrus;"),
    ("select zerob\t", "select zeroblob"), ("select 1 fro\t", "select 1 from"),
    // Commands and what follows them
    (".databa\t", ".databases "), (".mod\t", ".mode "), (".mode mark\t", ".mode markdown "),
    (".echo of\t", ".echo off "),
    (".dump --preserve-r\t", ".dump --preserve-rowids "), (".schema --ind\t", ".schema --indent "),
    (".import --asc\t", ".import --ascii "), (".parameter unse\t", ".parameter unset "),
    (".explain au\t", ".explain auto "),
    (".session change\t", ".session changeset "), (".lint fk\t", ".lint fkey-indexes "),
    (".limit sql_l\t", ".limit sql_length "), (".dbconfig dqs_dd\t", ".dbconfig dqs_ddl "),
    (".filectrl chu\t", ".filectrl chunk_size "), (".schema wal\t", ".schema walrus "),
    (".dump wal\t", ".dump walrus "),
    (".mirror sna\t", ".mirror snapshot "), (".restore wa\t", ".restore wal "),
    (".mirror on file:///x --unf\t", ".mirror on file:///x --unfenced "),
    (".restore wal --allow\t", ".restore wal --allow-shorter "),
    // Files
    (".read some-f\t", ".read some-file.sql"),
    (".import some-file.sql wal\t", ".import some-file.sql walrus "),
    (".open some-f\t", ".open some-file.sql"), (".backup some-f\t", ".backup some-file.sql"),
    (".open --rea\t", ".open --readonly "),
  ]) func completes(_ keys: String, _ line: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("", to: "some-file.sql")
    let terminal = try PseudoTerminal(
      ShellHarness.program, [":memory:"], environment: ["SQLITE_HISTORY": folder.path("history")],
      in: folder.path)
    #expect(terminal.expect("sqlite> "))
    terminal.type("create table walrus(tusk);\r")
    #expect(terminal.expect("sqlite> "))
    terminal.type(keys)
    #expect(terminal.expect(line), "\(terminal.screen)")
  }
}
