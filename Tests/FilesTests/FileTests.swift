import Files
import Testing

@Suite struct FileTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder(named: "files-tests") }

  @Test func writesAndReadsAtOffsets() throws {
    let file = try File(folder.path + "/a", .create)
    try file.write([1, 2, 3, 4, 5], at: 2)
    try file.write([9, 8, 7][1...], at: 0)
    #expect(try file.readAll() == [8, 7, 1, 2, 3, 4, 5])
    #expect(try file.read(at: 5, count: 10) == [4, 5])
    #expect(try file.read(at: 99, count: 10) == [])
    var buffer = [UInt8](repeating: 0, count: 4)
    #expect(try file.read(into: &buffer, at: 4) == 3)
    #expect(buffer == [3, 4, 5, 0])
    try file.truncate(to: 3)
    #expect(try file.size() == 3)
    try file.sync()
  }

  @Test func reportsWhyAFileCannotBeOpened() throws {
    let path = folder.path + "/missing"
    let error = FilesError(.noEntry, verb: "open", object: path)
    #expect(throws: error) { try File(path, .read) }
    #expect(error.description == "open \(path): No such file or directory")
    _ = try File(path, .createNew)
    #expect(throws: FilesError(.exists, verb: "create", object: path)) { try File(path, .createNew) }
  }

  /// The lock is released explicitly, because a program that is being started holds the file too,
  /// until it runs.
  @Test func letsGoOfALockWhileAnotherHasTheFileToo() throws {
    let path = folder.path + "/held"
    let first = try File(path, .create)
    let second = try File(path, .create)
    #expect(try first.tryLock())
    #expect(try !second.tryLock())
    first.unlock()
    #expect(try second.tryLock())
    #expect(try !first.tryLock())
  }

  @Test func givesATurnToOneOpenFileAtATime() throws {
    let path = folder.path + "/turns"
    let first = try File(path, .create)
    var second: File? = try File(path, .create)
    #expect(try first.tryLock())
    // The other lock is independent.
    #expect(second?.tryTurn() == true)
    #expect(second?.tryTurn() == true)
    #expect(!first.tryTurn())
    #expect(second?.tryTurn(false) == true)
    #expect(first.tryTurn())
    #expect(second?.tryTurn() == false)
    #expect(first.tryTurn(false))
    #expect(second?.tryTurn() == true)
    second = nil
    #expect(first.tryTurn())
  }

  @Test func replacesAFileWhole() throws {
    let path = folder.path + "/target"
    try AtomicFile.write([1], to: path)
    try AtomicFile.write([2, 3], to: path)
    #expect(try File(path, .read).readAll() == [2, 3])
    #expect(try Folder.names(in: folder.path) == ["target"])
  }

  @Test func leavesNothingOfADroppedFile() throws {
    let path = folder.path + "/target"
    do {
      let new = try AtomicFile(for: path)
      try new.file.write([1], at: 0)
      #expect(try Folder.names(in: folder.path).count == 1)
    }
    #expect(try Folder.names(in: folder.path) == [])
  }

  @Test func createsAFileOnlyOnce() throws {
    let path = folder.path + "/target"
    #expect(try AtomicFile.create([1], at: path))
    #expect(try !AtomicFile.create([2], at: path))
    #expect(try File(path, .read).readAll() == [1])
    #expect(try Folder.names(in: folder.path) == ["target"])
  }

  @Test func listsInByteOrderOfWholePaths() throws {
    for name in ["a/b", "a-b", "a.b", "a/b/.c", "a0"].map({ $0 == "a/b" ? "a/a" : $0 }) {
      try Folder.create(Folder.parent(of: folder.path + "/" + name))
      try AtomicFile.write([], to: folder.path + "/" + name)
    }
    #expect(try Folder.filesRecursively(in: folder.path) == ["a-b", "a.b", "a/a", "a/b/.c", "a0"])
    try Folder.remove(folder.path + "/a")
    #expect(try Folder.filesRecursively(in: folder.path) == ["a-b", "a.b", "a0"])
    try Folder.remove(folder.path + "/a")
  }

  @Test func reportsWhatAFileIs() throws {
    let path = folder.path + "/f"
    #expect(try FileInfo.of(path) == nil)
    try AtomicFile.write([1, 2, 3], to: path)
    let info = try #require(try FileInfo.of(path))
    #expect(info.size == 3 && !info.isFolder && info.modifiedNs > 0 && info.inode != 0)
    #expect(try File(path, .read).info() == info)
    #expect(try FileInfo.of(folder.path)?.isFolder == true)
    #expect(throws: FilesError.self) { try Folder.create(path) }
  }

  @Test func removesTheTemporaryFolder() throws {
    var path = ""
    do {
      let temporary = try TemporaryFolder()
      path = temporary.path
      try Folder.create(path + "/a/b/c")
      try AtomicFile.write([1], to: path + "/a/b/c/d")
    }
    #expect(!FileInfo.exists(path))
  }
}
