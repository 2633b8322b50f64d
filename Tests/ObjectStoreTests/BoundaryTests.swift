import CS3
import Foundation
import TestSupport
import Testing

/// The boundary between libs3 and libcurl works here, and a program in which it does not refuses to
/// send.
@Suite struct BoundaryTests {
  @Test func holdsInThisProgram() {
    var why: UnsafePointer<CChar>?
    #expect(cs3_load(&why) == 0)
    #expect(why.map { String(cString: $0) } == "")
  }

  /// Builds a program of CS3's own sources that checks the boundary, then calls a server.
  private func run(linking options: [String], against host: String) throws -> String {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/CS3").path
    let folder = try ScratchFolder()
    try """
    #include "CS3.h"
    #include <stdio.h>
    static int sign(void *c, const cs3_request *r, cs3_additions *a) { return (void)c, (void)r, (void)a, 0; }
    static void part(void *c, const char *b, size_t n) { (void)c, (void)b, (void)n; }
    static int no(void *c) { return (void)c, 0; }
    static int bytes(void *c, const char *b, size_t n) { return (void)c, (void)b, (void)n, 0; }
    static void entry(void *c, const char *k, const char *e, uint64_t s, int64_t m) {
      (void)c, (void)k, (void)e, (void)s, (void)m;
    }
    int main(int argc, char **argv) {
      (void)argc;
      cs3_target target = {.host = argv[1], .bucket = "bucket", .connect_timeout_seconds = 2, .idle_timeout_seconds = 2};
      cs3_callbacks callbacks = {
        .sign = sign, .header = part, .is_given_up = no, .receive = bytes, .failure = part, .entry = entry};
      cs3_outcome outcome;
      cs3_put(&target, "key", (const uint8_t *)"body", 4, &callbacks, &outcome);
      printf("%d %ld %s", outcome.is_refused, outcome.http_status, cs3_outcome_text(&outcome));
      return 0;
    }
    """.write(toFile: folder.path + "/main.c", atomically: true, encoding: .utf8)
    let program = folder.path + "/program"
    let files = [
      "\(folder.path)/main.c", "\(sources)/boundary.c", "\(sources)/libs3.c", "\(sources)/prepared.c",
    ]
    // Swift has a compiler if there is no other.
    let compiler =
      "$(command -v cc || command -v clang || echo \"$(dirname \"$(realpath \"$(command -v swiftc)\")\")/clang\")"
    try output(
      "/bin/sh",
      ["-c", "exec \"\(compiler)\" \"$@\"", "sh", "-I", "\(sources)/include", "-o", program] + files
        + options + ["-ldl"])
    return try output(program, [host])
  }

  @discardableResult private func output(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self)
  }

  @Test func sendsNothingIfItIsNotExported() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK") }
    let said = try run(linking: [], against: server.host)
    #expect(
      said.hasPrefix("1 0 this program was linked without exporting curl_easy_setopt and curl_easy_perform"))
    let half = try run(linking: ["-Wl,--export-dynamic-symbol=curl_easy_setopt"], against: server.host)
    #expect(half.hasPrefix("1 0 this program was linked without exporting"))
    #expect(server.requests.isEmpty)
  }

  @Test func sendsIfItIsExported() throws {
    let server = try ScriptedServer { _ in ScriptedServer.reply("200 OK") }
    let exports = ["setopt", "perform"].map { "-Wl,--export-dynamic-symbol=curl_easy_\($0)" }
    #expect(try run(linking: exports, against: server.host) == "0 200 ")
    #expect(server.requests.count == 1)
    #expect(server.requests.first?.lowercased().contains("authorization") == false)
  }
}
