import Service
import Testing

@Suite struct ServiceArgumentsTests {
  @Test func readsOptionsWithOneDashOrTwo() throws {
    let words = ["--serve", "-mirror", "file:///x", "--pattern", "*.sq", "-log", "json", "a.db", "folder"]
    let arguments = try ServiceArguments(words)
    #expect(arguments.options.sources == ["a.db", "folder"])
    #expect(arguments.options.patterns == ["*.sq"])
    #expect(arguments.url == "file:///x")
    #expect(arguments.form == .json)
  }

  @Test(arguments: [
    (["-serve"], "-serve needs a database or a folder"),
    (["-serve", "-log", "xml", "a"], "-log takes text or json, not \"xml\""),
    (["-serve", "-nonsense", "a"], "unknown option of -serve: -nonsense"),
    (["-serve", "a", "-mirror"], "missing argument to -mirror"),
  ])
  func namesWhatIsWrong(_ words: [String], _ message: String) {
    do throws(ServiceArguments.Failure) {
      _ = try ServiceArguments(words)
      Issue.record("it was accepted: \(words)")
    } catch {
      #expect(error.description == message)
    }
  }

  @Test func wordsAfterTwoDashesAreNames() throws {
    #expect(try ServiceArguments(["-serve", "--", "-odd.db"]).options.sources == ["-odd.db"])
  }
}
