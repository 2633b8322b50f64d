import Foundation
import TestSupport
import Testing

/// Intended differences of `.archive`, and archives that are damaged or hostile.
@Suite struct ArchiveTests {
  private func run(_ script: String, in folder: TemporaryFolder) throws -> ShellHarness.Result {
    try ShellHarness.run(ShellHarness.program, [":memory:"], input: Data(script.utf8), in: folder)
  }

  @Test func linksAreExtracted() throws {
    for archive in ["a.sqlar", "a.zip"] {
      let folder = try TemporaryFolder()
      let result = try run(
        ".shell mkdir s; echo hi > s/f; ln -s f s/l\n.ar -cf \(archive) s\n.ar -C out -xf \(archive)\n",
        in: folder)
      #expect(result.errors.isEmpty)
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("out/s/l"))
      #expect(target == "f")
    }
  }

  @Test(arguments: ["'../evil'", "'a/../../evil'", "'..'", "'/tmp/evil-of-an-archive'"])
  func namesThatLeadOutAreNotWritten(_ name: String) throws {
    let folder = try TemporaryFolder()
    _ = try run(
      ".open a.sqlar\nCREATE TABLE sqlar(name TEXT PRIMARY KEY,mode INT,mtime INT,sz INT,data BLOB);\n"
        + "INSERT INTO sqlar VALUES(\(name),iif(\(name)='..',16877,33188),5,4,iif(\(name)='..',NULL,'evil'));\n",
      in: folder)
    _ = try run(".shell mkdir in\n.cd in\n.ar -xf ../a.sqlar\n", in: folder)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("in")).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder.path("evil")))
    #expect(!FileManager.default.fileExists(atPath: "/tmp/evil-of-an-archive"))
  }

  @Test func nothingIsWrittenThroughALink() throws {
    let folder = try TemporaryFolder()
    let result = try run(
      """
      .shell mkdir outside
      CREATE VIRTUAL TABLE z USING zipfile('a.zip');
      INSERT INTO z(name,mode,data) VALUES('l','lrwxrwxrwx','../outside'),('l/evil',33188,'evil');
      .ar -C out -xf a.zip
      """, in: folder)
    #expect(result.errors.contains("SQL error: will not write through a symbolic link: out/l/evil"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("outside")).isEmpty)
  }

  @Test func declaredSizesAreChecked() throws {
    let folder = try TemporaryFolder()
    _ = try run(
      "CREATE VIRTUAL TABLE z USING zipfile('a.zip'); INSERT INTO z(name,data) VALUES('a',zeroblob(5000));",
      in: folder)
    var bytes = [UInt8](try folder.read("a.zip"))
    let entry = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4b, 1, 2]) })
    bytes.replaceSubrange((entry + 24)..<(entry + 28), with: [0, 0, 0, 0x10])
    try Data(bytes).write(to: URL(fileURLWithPath: folder.path("a.zip")))
    let result = try run("SELECT length(data) FROM zipfile('a.zip');", in: folder)
    #expect(result.errors == "Runtime error near line 1: inflate() gave 5000 bytes instead of 268435456\n")
  }

  @Test func damagedArchivesAreErrors() throws {
    let folder = try TemporaryFolder()
    _ = try run(
      "CREATE VIRTUAL TABLE z USING zipfile('a.zip'); INSERT INTO z(name,data) VALUES('a',zeroblob(500)),('b','b');",
      in: folder)
    let intact = [UInt8](try folder.read("a.zip"))
    var script = ""
    for index in stride(from: 0, to: intact.count, by: 3) {
      var bytes = intact
      bytes[index] ^= 0xff
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path("\(index).zip")))
      script += "SELECT count(data) FROM zipfile('\(index).zip');\n"
      try Data(bytes.prefix(index)).write(to: URL(fileURLWithPath: folder.path("\(index)s.zip")))
      script += "SELECT count(data) FROM zipfile('\(index)s.zip');\n"
    }
    let result = try run(script + "SELECT 'end';\n", in: folder)
    #expect(result.output.hasSuffix("end\n"))
    #expect(result.code == 1)
  }
}
