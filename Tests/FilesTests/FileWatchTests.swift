import Dispatch
import Files
import Testing

@Suite struct FileWatchTests {
  @Test func reportsOnlyWhatItIsAskedFor() throws {
    let folder = try TemporaryFolder()
    let file = try File(folder.path + "/a", .create)
    let content = try #require(FileWatch([file.path], .content))
    let times = try #require(FileWatch([file.path], .times))
    #expect(!content.wait(seconds: 0) && !times.wait(seconds: 0))
    try file.touch()
    #expect(!content.wait(seconds: 0) && times.wait(seconds: 5))
    try file.write([1, 2], at: 0)
    #expect(content.wait(seconds: 5) && !times.wait(seconds: 0))
    try file.truncate(to: 1)
    #expect(content.wait(seconds: 5))
    #expect(!content.wait(seconds: 0))
  }

  @Test func endsAWait() throws {
    let folder = try TemporaryFolder()
    let file = try File(folder.path + "/a", .create)
    let watch = try #require(FileWatch([file.path], .content))
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.05) { watch.cancel() }
    #expect(!watch.wait(seconds: nil))
    #expect(!watch.wait(seconds: nil))
  }

  @Test func needsAFile() throws {
    let folder = try TemporaryFolder()
    #expect(FileWatch([folder.path + "/none"], .content) == nil)
  }
}
