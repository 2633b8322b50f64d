import Encryption
import Files
import DotCommands
import ReplicaFormat
import TestSupport
import Testing

@Suite struct ISOTimeTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
      (1_795_376_611_190_598, "2026-11-22T19:43:31.190598Z"), (-1, "1969-12-31T23:59:59.999999Z"),
      (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
    ] as [(Int64, String)]) func writesAndReads(_ microseconds: Int64, _ text: String)
  {
    #expect(ISOTime.text(microseconds) == text)
    #expect(ISOTime.parse(text) == microseconds)
  }

  @Test(
    arguments: [
      ("2026-11-22", 1_795_305_600_000_000), ("2026-11-22T19:43Z", 1_795_376_580_000_000),
      ("2026-11-22 19:43:31", 1_795_376_611_000_000), ("2026-11-22T21:43:31.5+02:00", 1_795_376_611_500_000),
      ("2026-11-22T14:43:31-0500", 1_795_376_611_000_000),
    ] as [(String, Int64)]) func readsOtherForms(_ text: String, _ microseconds: Int64)
  {
    #expect(ISOTime.parse(text) == microseconds)
  }

  @Test(arguments: [
    "", "now", "2026", "2026-13-01", "2026-02-30", "2026-11-22T25:00", "2026-11-22T10:00:00 or so",
    "26-11-22",
    "2026-11-22T", "2026-11-22T10", "2026-11-22T10:00+1",
  ]) func refuses(_ text: String) {
    #expect(ISOTime.parse(text) == nil)
  }
}

@Suite struct ReplicaURLTests {
  @Test(arguments: [
    "s3://user:hunter22@bucket/p", "s3://bucket/p?secret=hunter22", "s3://bucket?X-Amz-Signature=hunter22",
    "https://user:hunter22@host/bucket", "file:///dir?key=hunter22", "s3://?a=hunter22",
  ]) func refusesSecretsAndDoesNotRepeatThem(url: String) {
    let error = thrown(ReplicaURLError.self) { try ReplicaURL(url) }
    #expect(error?.description.contains("hunter22") == false)
    #expect(error?.description.contains("credentials do not belong") == true)
  }

  @Test func readsBothKinds() throws {
    #expect(try ReplicaURL("s3://bucket/a/b/") == .s3(bucket: "bucket", prefix: "a/b"))
    #expect(try ReplicaURL("file:///var/replica") == .file("/var/replica"))
  }

  @Test func isNamedForTheDatabaseIfItHasNoPrefix() throws {
    #expect(
      try ReplicaURL("s3://bucket").named(for: "/data/my db.db")
        == .s3(bucket: "bucket", prefix: "my~20db.db"))
    #expect(try ReplicaURL("s3://bucket/p").named(for: "/data/a.db") == .s3(bucket: "bucket", prefix: "p"))
  }

  @Test(arguments: [
    "", "nonsense", "s3://", "file://relative", "http://host/bucket", "s3://key:secret@bucket/p",
  ])
  func refuses(_ text: String) {
    let error = thrown(ReplicaURLError.self) { try ReplicaURL(text) }
    #expect(error?.description.contains("secret@") != true)
  }
}

@Suite struct KeyCommandTests {
  private func keys(_ command: String) throws -> Int {
    try EncryptionSettings(file: nil, command: command, mode: nil, commandTimeout: 0.5).keys().keys.count
  }

  @Test func readsWhatACommandWrites() throws {
    #expect(try keys("head -c 32 /dev/zero | od -An -v -tx1 | tr -d ' \\n'") == 1)
  }

  @Test(arguments: ["sleep 100", "trap '' TERM; sleep 100 & wait", "exec >&-; sleep 100", "yes", "cat"])
  func waitsForNoCommandThatHangs(command: String) {
    let begin = Clock.monotonicSeconds
    #expect(throws: (any Error).self) { try keys(command) }
    #expect(Clock.monotonicSeconds - begin < 10)
  }

  @Test func reportsThatACommandHangs() throws {
    let error = thrown((any Error).self) { try keys("sleep 100") }
    #expect(
      "\(try #require(error))".contains("S3_ENCRYPTION_KEY_COMMAND failed: it did not end within 0 seconds"))
  }
}
