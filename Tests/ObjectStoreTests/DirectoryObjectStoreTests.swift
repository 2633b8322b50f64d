import DirectoryObjectStore
import Foundation
import Glibc
import ObjectStore
import TestSupport
import Testing

/// What only a store in a directory does.
@Suite struct DirectoryObjectStoreTests {
  @Test func makesNothingUntilTheFirstPut() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(url: "file://\(folder.path)/a/b/")
    #expect(store.url == "file://\(folder.path)/a/b")
    #expect(try store.listAll(prefix: "").isEmpty)
    #expect(try store.head(try key("x")) == nil)
    try store.delete(try key("x"))
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/a"))
    try store.put(try key("x"), [1], .always)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path + "/a/b").sorted() == ["%lock", "x"])
  }

  @Test func overlooksWhatIsNotAnObject() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(path: folder.path)
    try store.put(try key("a/b"), [1], .always)
    for name in ["a/c.%tmp-1-2", "%lock", "with space"] {
      #expect(FileManager.default.createFile(atPath: "\(folder.path)/\(name)", contents: Data([1])))
    }
    #expect(try store.listAll(prefix: "").map(\.key.name) == ["a/b"])
    #expect(try store.head(try key("a")) == nil)
    #expect(throws: ObjectStoreError.self) { try store.get(try key("a")) }
    #expect(try store.listAll(prefix: "../").isEmpty)
  }

  @Test func leavesNoEmptyFolders() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(path: folder.path)
    try store.put(try key("a/b/c"), [1], .always)
    try store.put(try key("a/d"), [1], .always)
    try store.delete(try key("a/b/c"))
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/a/b"))
    #expect(try store.listAll(prefix: "").map(\.key.name) == ["a/d"])
  }

  @Test func reportsWhatIsWrongWithTheDirectory() throws {
    let folder = try ScratchFolder()
    #expect(FileManager.default.createFile(atPath: folder.path + "/file", contents: Data()))
    let store = try DirectoryObjectStore(path: folder.path + "/file")
    let error = thrown { try store.put(try key("a"), [1], .always) }
    #expect(error?.code == .configuration && error?.cause.contains("\(folder.path)/file is not") == true)
    #expect(throws: ObjectStoreError.self) { try DirectoryObjectStore(path: "relative") }
    #expect(throws: ObjectStoreError.self) { try DirectoryObjectStore(url: "s3://bucket") }
    let full = try DirectoryObjectStore(path: "/proc/sqlite3-cloud-s3")
    let refused = thrown { try full.put(try key("a"), [1], .always) }
    #expect(refused?.verb == "put" && refused?.object == "a")
  }

  // MARK: What others put there

  @Test(.timeLimit(.minutes(1))) func opensOnlyRegularFiles() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(path: folder.path + "/store", sizeLimit: { _ in 1 << 20 })
    try store.put(try key("a/object"), [1], .always)
    let secret = folder.path + "/secret"
    #expect(FileManager.default.createFile(atPath: secret, contents: Data("secret".utf8)))
    #expect(mkfifo(store.path("a/pipe"), 0o600) == 0)
    #expect(symlink(secret, store.path("a/link")) == 0)
    #expect(symlink(folder.path, store.path("a/folder-link")) == 0)
    #expect(symlink(".", store.path("a/round")) == 0)
    try FileManager.default.createDirectory(atPath: store.path("a/folder"), withIntermediateDirectories: true)
    #expect(try store.listAll(prefix: "").map(\.key.name) == ["a/object"])
    for name in ["a/pipe", "a/link", "a/folder-link"] {
      let error = thrown { try store.get(try key(name)) }
      #expect(error?.code == .io && error?.isTransient == false, "\(name): \(error?.description ?? "")")
      #expect(throws: ObjectStoreError.self) { try store.head(try key(name)) }
    }
    // The target of a link does not change.
    try store.put(try key("a/link"), [9], .always)
    #expect(try store.get(try key("a/link")).bytes == [9])
    #expect(try Data(contentsOf: URL(fileURLWithPath: secret)) == Data("secret".utf8))
    let taken = thrown { try store.put(try key("a/folder"), [9], .ifAbsent) }
    #expect(taken?.code == .preconditionFailed)
  }

  @Test func readsNoFileThatIsTooLarge() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(path: folder.path, sizeLimit: { _ in 1 << 20 })
    #expect(FileManager.default.createFile(atPath: folder.path + "/sparse", contents: nil))
    #expect(truncate(folder.path + "/sparse", 60 << 30) == 0)
    let error = thrown { try store.get(try key("sparse")) }
    #expect(error?.code == .damaged && error?.cause.contains("more than such an object can have") == true)
    #expect(try store.get(try key("sparse"), range: 5..<7).bytes == [0, 0])
    #expect(try store.listAll(prefix: "").map(\.size) == [ObjectInfo.largest])
  }

  @Test func removesWhatKilledProcessesLeft() throws {
    let folder = try ScratchFolder()
    let first = try DirectoryObjectStore(path: folder.path)
    try first.put(try key("a/b"), [1], .always)
    let left = ["a/c.%tmp-1-2", "lease.txt.%tmp-99999-1"].map { folder.path + "/" + $0 }
    let kept = folder.path + "/a/other.%text"
    for path in left + [kept] { #expect(FileManager.default.createFile(atPath: path, contents: Data([1]))) }
    let written = folder.path + "/a/d.%tmp-1-3"
    let open = Glibc.open(written, O_CREAT | O_RDWR, 0o600)
    defer { close(open) }
    #expect(flock(open, LOCK_EX) == 0)
    // A reader changes nothing.
    _ = try DirectoryObjectStore(path: folder.path).listAll(prefix: "")
    #expect(FileManager.default.fileExists(atPath: left[0]))
    try DirectoryObjectStore(path: folder.path).put(try key("a/e"), [1], .ifAbsent)
    for path in left { #expect(!FileManager.default.fileExists(atPath: path)) }
    for path in [written, kept] { #expect(FileManager.default.fileExists(atPath: path)) }
  }

  @Test func waitsForItsLockUntilItsDeadline() throws {
    let folder = try ScratchFolder()
    let store = try DirectoryObjectStore(path: folder.path)
    try store.put(try key("a"), [1], .always)
    let open = Glibc.open(folder.path + "/%lock", O_RDWR)
    defer { close(open) }
    #expect(flock(open, LOCK_EX) == 0)
    let begin = Date()
    RequestDeadline.enforce(ProcessInfo.processInfo.systemUptime + 0.3) {
      let error = thrown { try store.put(try key("a"), [2], .always) }
      #expect(error?.code == .timeout)
    }
    #expect((0.2..<5).contains(Date().timeIntervalSince(begin)))
    #expect(try store.get(try key("a")).bytes == [1])
  }
}

extension DirectoryObjectStore {
  fileprivate func path(_ name: String) -> String { url.dropFirst("file://".count) + "/" + name }
}
