import Foundation
import TestSupport
import Testing

/// Commands that read a replica which an attacker has written.
///
/// With every content of the replica, no command changes another file, crashes, hangs, prints
/// control characters to a terminal, or uses more memory than promised.
@Suite struct HostileReplicaTests {
  /// KiB that a command may use.
  private static let memory = 256 << 10

  /// A command, with the files that it makes in its own folder.
  private struct Command {
    let name: String
    let script: String
    var mirrors = false
  }

  private func commands(_ url: String) -> [Command] {
    [
      Command(name: "restore wal", script: ".restore wal --from \(url) --output r.db"),
      Command(name: "restore sql", script: ".restore sql --from \(url) --output r.db"),
      Command(name: "restore wal --verify", script: ".restore wal --verify --from \(url) --output r.db"),
      Command(name: "restore sql --verify", script: ".restore sql --verify --from \(url) --output r.db"),
      Command(name: "verify", script: ".mirror verify --from \(url)"),
      Command(name: "log", script: ".mirror log --from \(url)"),
      Command(name: "list", script: ".mirror list --from \(url)"),
      Command(name: "export", script: ".mirror export litestream file://FOLDER/out --from \(url)"),
      Command(name: "follow", script: ".restore wal --follow --from \(url) --output r.db"),
      Command(name: "open", script: ".open --at last \(url)\nSELECT count(*) FROM t;"),
      Command(name: "diff", script: ".mirror diff 0 --summary --from \(url)"),
      Command(name: "history", script: ".mirror history t --from \(url)"),
      Command(name: "bisect", script: ".mirror bisect 'SELECT count(*) FROM t' --from \(url)"),
      Command(
        name: "session", script: "INSERT INTO t VALUES(3, 'z');\n.mirror sync\n.mirror status", mirrors: true),
    ]
  }

  private struct Outcome {
    let command: Command
    let result: ShellHarness.Result
    let memory: Int
  }

  private func run(_ command: Command, _ replica: HostileReplica) throws -> Outcome {
    let folder = try TemporaryFolder()
    var arguments = ["-s", "INT", "-k", "20", command.name == "follow" ? "1" : "60", ShellHarness.program]
    if command.mirrors {
      try FileManager.default.copyItem(
        atPath: replica.work.folder.path("live.db"), toPath: folder.path("live.db"))
      arguments += replica.work.replica.arguments + ["live.db"]
    } else {
      arguments += ["-mirror", "off", ":memory:"]
    }
    let script =
      command.script.replacing("FOLDER", with: folder.path)
      + "\n.shell grep VmHWM /proc/$PPID/status\n"
    let result = try ShellHarness.run(
      "/usr/bin/timeout", arguments, input: Data(script.utf8), in: folder,
      environment: replica.work.environment, seconds: 90)
    let line = result.output.split(separator: "\n").last { $0.hasPrefix("VmHWM") } ?? ""
    return Outcome(
      command: command, result: result, memory: Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar != "\n" && scalar != "\t" && (scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value))
  }

  @Test(arguments: HostileCase.all)
  func nothingElseIsTouched(hostile: HostileCase) throws {
    let replica = try HostileReplica()
    try hostile.write(replica)
    let canary = try Data(contentsOf: URL(fileURLWithPath: replica.canary))
    let home = try FileManager.default.contentsOfDirectory(atPath: replica.work.home.path).sorted()
    for command in commands(replica.work.replica.url) {
      let outcome = try run(command, replica)
      let result = outcome.result
      let what = "\(hostile.name): \(command.name): \(result)"
      // 124 is a time-out. A signal is 128 and its number, or the number itself.
      #expect([0, 1, 124, 130].contains(result.code), "\(what)")
      if command.name != "follow" { #expect(result.code != 124 && result.code != 130, "\(what)") }
      #expect(outcome.memory < Self.memory, "\(outcome.memory) KiB: \(what)")
      let isPlain = command.name == "log"
      let printed = isPlain ? result.errors : result.output + result.errors
      #expect(!printed.unicodeScalars.contains(where: Self.isControl), "\(what)")
      if command.name == "restore sql", let refusal = hostile.refusal {
        #expect(result.errors.contains(refusal), "\(what)")
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: replica.canary)) == canary, "\(what)")
      let after = try FileManager.default.contentsOfDirectory(atPath: replica.work.home.path).sorted()
      #expect(after.filter { $0 != "history" } == home.filter { $0 != "history" }, "\(what)")
    }
  }

  /// Output that is no terminal gets statements unchanged, for scripts.
  @Test func aTerminalGetsNoCommandsFromTheLog() throws {
    let replica = try HostileReplica()
    try replica.forge(["INSERT INTO t VALUES(2, '\u{1b}]0;owned\u{07}')"])
    let url = replica.work.replica.url
    let terminal = try PseudoTerminal(
      ShellHarness.program, ["-mirror", "off", ":memory:"], environment: replica.work.environment)
    #expect(terminal.expect("sqlite> "))
    for command in [".mirror log --from \(url)\n", ".mirror log --json --from \(url)\n"] {
      terminal.type(command)
      #expect(terminal.expect("\\u001b]0;owned\\u0007"), "\(terminal.screen)")
      #expect(terminal.expect("sqlite> "))
    }
    #expect(!terminal.screen.contains("\u{1b}]0;owned"), "\(terminal.screen)")
    terminal.type(".exit\n")
    #expect(terminal.exitCode() == 0)
    let plain = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "off", ":memory:"], input: Data(".mirror log --from \(url)\n".utf8),
      environment: replica.work.environment)
    #expect(plain.output.contains("\u{1b}]0;owned\u{07}"), "\(plain)")
  }
}
