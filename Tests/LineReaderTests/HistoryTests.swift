import Foundation
import Glibc
import TestSupport
import Testing

@testable import LineReader

/// The history file is our own file, or nothing is written.
@Suite(.serialized) struct HistoryTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func save(_ name: String, _ line: String) {
    let history = History(folder.path(name))
    history.add(Array(line.utf8), isContinuation: false)
    history.save()
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try folder.read(name), as: UTF8.self)
  }

  @Test func isForItsOwnerAlone() throws {
    save("history", "select 1;")
    #expect(try text("history") == "select 1;\n")
    var status = stat()
    #expect(stat(folder.path("history"), &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func followsALinkOfOurs() throws {
    try folder.write("", to: "kept")
    #expect(symlink("kept", folder.path("link")) == 0)
    save("link", "select 2;")
    #expect(try text("kept") == "select 2;\n")
  }

  /// A user can set a device as the history to have none: the device does not change.
  @Test func leavesDevicesAlone() throws {
    var before = stat()
    var after = stat()
    #expect(symlink("/dev/null", folder.path("none")) == 0)
    #expect(stat("/dev/null", &before) == 0)
    save("none", "select 3;")
    #expect(stat("/dev/null", &after) == 0 && after.st_mode == before.st_mode)
  }

  @Test(.enabled(if: geteuid() == 0)) func followsNoLinkOfAnotherUser() throws {
    try folder.write("precious\n", to: "victim")
    #expect(symlink("victim", folder.path("planted")) == 0)
    #expect(lchown(folder.path("planted"), 65534, 65534) == 0)
    save("planted", "select 4;")
    #expect(try text("victim") == "precious\n")
    try folder.write("theirs\n", to: "other")
    #expect(chown(folder.path("other"), 65534, 65534) == 0)
    save("other", "select 5;")
    #expect(try text("other") == "theirs\n")
  }
}
