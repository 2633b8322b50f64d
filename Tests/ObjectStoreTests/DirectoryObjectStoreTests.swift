import DirectoryObjectStore
import Foundation
import ObjectStore
import TestSupport
import Testing

/// What is particular to a store in a directory.
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

  @Test func saysWhatIsWrongWithTheDirectory() throws {
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
}
