import Foundation
import TestSupport
import Testing

/// `.mirror check` and `-check` against stores that work and stores that do not.
@Suite(.serialized, .enabled(if: Servers.areInstalled)) struct CheckTests {
  private func check(
    _ work: Workplace, _ arguments: [String] = [], _ environment: [String: String] = [:]
  ) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, work.replica.arguments + arguments + ["-check"], in: work.folder,
      environment: work.environment.merging(environment) { $1 })
  }

  private func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
  }

  @Test(arguments: Replica.Kind.allCases) func findsThatAStoreWorksAndLeavesNothing(_ kind: Replica.Kind)
    throws
  {
    let work = try Workplace(kind)
    let result = try check(work)
    #expect(result.code == 0, "\(result)")
    for name in ["list", "put", "get", "get a part", "head", "delete"] {
      #expect(result.output.contains("  \(name): ok, "), "\(result.output)")
    }
    // rclone ignores conditions without a message.
    let isKept = kind != .rclone
    #expect(result.output.contains("put if absent: ok") == isKept, "\(result.output)")
    #expect(result.output.contains("put if unchanged: ok") == isKept, "\(result.output)")
    #expect(result.output.contains("noticed, not prevented") != isKept)
    if kind != .directory {
      #expect(result.output.contains("credentials: S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY\n"))
      #expect(result.output.contains("clock: ok"))
      #expect(!result.output.contains(work.environment["S3_SECRET_ACCESS_KEY"] ?? "?"))
    }
    // A directory keeps its lock, whose name no object has.
    #expect(try work.replica.objects().keys.filter { !$0.contains("%") } == [])
    #expect(try work.folder.contents().isEmpty)
  }

  @Test func speaksJSON() throws {
    let work = try Workplace(.seaweed)
    let alone = try json(try check(work, ["-json"]).output)
    #expect(alone["works"] as? Bool == true)
    #expect(alone["signature"] as? String == "v4")
    let operations = try #require(alone["operations"] as? [[String: Any]])
    #expect(operations.count == 9)
    #expect(operations.allSatisfy { $0["result"] as? String == "ok" }, "\(operations)")
    let command = try work.shell(".mirror check --json\n")
    #expect(command.code == 0, "\(command)")
    #expect(try json(command.output)["replica"] as? String == work.replica.url)
  }

  /// The fault is printed as a sentence, and the exit code is 1.
  @Test(
    arguments: [
      (["S3_SECRET_ACCESS_KEY": "wrong-secret"], "check S3_SECRET_ACCESS_KEY"),
      (["S3_ACCESS_KEY_ID": "nobody"], "check S3_ACCESS_KEY_ID"),
      (["S3_BUCKET": "no-such-bucket"], "check S3_BUCKET"),
      (["S3_HOSTNAME": "http://no-such-host.invalid"], "check S3_HOSTNAME"),
      (["S3_SECRET_ACCESS_KEY": ""], "S3_SECRET_ACCESS_KEY: not set, though S3_ACCESS_KEY_ID is"),
      (["S3_REGION": "No Region"], "must be a region's name"), (["S3_BUCKET": ""], "no mirror is configured"),
      (["S3_DURABILITY": "perhaps"], "S3_DURABILITY is async or sync"),
    ])
  func reportsWhatIsWrong(_ change: [String: String], _ words: String) throws {
    let work = try Workplace(.seaweed)
    for arguments in [[], ["-json"]] {
      let result = try check(work, arguments, change)
      #expect(result.code == 1)
      #expect((result.output + result.errors).contains(words), "\(result)")
      #expect(!result.output.contains("wrong-secret") && !result.errors.contains("wrong-secret"))
      if arguments == ["-json"] { #expect(try json(result.output)["works"] as? Bool == false) }
    }
  }

  @Test func reportsWhichProfileTheKeysAreFrom() throws {
    let work = try Workplace(.rclone)
    let text = """
      [backup]
      aws_access_key_id = \(RcloneServer.accessKey)
      aws_secret_access_key = \(RcloneServer.secretKey)
      """
    let file = try work.home.write(text, to: "keys")
    let result = try check(
      work, [],
      [
        "S3_ACCESS_KEY_ID": "", "S3_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "backup",
        "AWS_SHARED_CREDENTIALS_FILE": file,
      ])
    #expect(result.code == 0, "\(result)")
    #expect(result.output.contains("credentials: profile backup in \(file)\n"), "\(result.output)")
    #expect(!result.output.contains(RcloneServer.secretKey))
  }

  /// A store with another clock that refuses all writes.
  @Test func reportsClockAndPermissions() throws {
    let body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    let server = try ScriptedServer { request in
      if request.hasPrefix("GET /some-bucket/?") || request.hasPrefix("GET /some-bucket?") {
        return ScriptedServer.reply(
          "200 OK", headers: ["Date: Fri, 24 May 2013 00:00:00 GMT"],
          body: "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
      }
      return ScriptedServer.reply(
        "403 Forbidden", headers: ["Date: Fri, 24 May 2013 00:00:00 GMT"], body: body)
    }
    let work = try Workplace(.directory)
    let result = try ShellHarness.run(
      ShellHarness.program, ["-mirror", "s3://some-bucket/p", "-check"], in: work.folder,
      environment: [
        "S3_HOSTNAME": "http://\(server.host)", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "s",
        "HOME": work.home.path,
      ])
    #expect(result.code == 1)
    #expect(result.output.contains("seconds ahead of the store's: set the clock"), "\(result.output)")
    #expect(
      result.output.contains("put needs s3:PutObject on arn:aws:s3:::some-bucket/p/*"), "\(result.output)")
    #expect(result.output.contains("delete: not tried"), "\(result.output)")
    withExtendedLifetime(server) {}
  }

  @Test func neitherOpensNorMirrorsADatabase() throws {
    let work = try Workplace(.directory)
    _ = try sqlite3("CREATE TABLE t(a)", work.folder.path("live.db"))
    let before = try work.folder.contents()
    let result = try check(work, ["live.db"])
    #expect(result.code == 0, "\(result)")
    #expect(try work.folder.contents() == before)
    #expect(try work.replica.objects().keys.filter { !$0.contains("%") } == [])
  }
}
