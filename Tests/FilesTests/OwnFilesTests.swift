import Files
import Glibc
import Testing

/// Our files and folders, under names that another user may have taken.
@Suite struct OwnFilesTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder(named: "files-tests") }

  private func path(_ name: String) -> String { folder.path + "/" + name }

  private func make(_ name: String, _ text: String = "precious") throws {
    let file = try File(path(name), .create)
    try file.write(Array(text.utf8), at: 0)
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try File(path(name), .read).readAll(), as: UTF8.self)
  }

  private func mode(_ name: String) throws -> UInt32? { try FileInfo.of(path(name))?.permissions }

  @Test func aPrivateFolderIsOurs() throws {
    try Folder.create(path("victim"))
    try make("victim/keep")
    #expect(symlink(path("victim"), path("link")) == 0)
    #expect(throws: FilesError.self) { try PrivateFolder(path("link")) }
    try make("file")
    #expect(throws: FilesError.self) { try PrivateFolder(path("file")) }
    #expect(mkdir(path("wide"), 0o755) == 0)
    let wide = try PrivateFolder(path("wide"))
    #expect(try mode("wide") == 0o700)
    try wide.file("a", .create).write([1], at: 0)
    #expect(try mode("wide/a") == 0o600)
    #expect(try text("victim/keep") == "precious")
    guard geteuid() == 0 else { return }
    try Folder.create(path("others"))
    #expect(chown(path("others"), 65534, 65534) == 0)
    #expect(throws: FilesError.self) { try PrivateFolder(path("others")) }
  }

  /// The target that takes the folder's name is neither written nor removed.
  @Test func aPrivateFolderIsNotItsName() throws {
    let own = try PrivateFolder(path("work"))
    try Folder.create(path("victim"))
    try make("victim/database")
    try Folder.rename(path("work"), to: path("moved"))
    #expect(symlink(path("victim"), path("work")) == 0)
    #expect(!own.isInPlace)
    try own.file("database", .create).write(Array("ours".utf8), at: 0)
    _ = try own.folder("objects").file("a", .create)
    #expect(try own.names() == ["database", "objects"])
    try own.removeContent()
    #expect(try own.names().isEmpty)
    #expect(try text("victim/database") == "precious")
  }

  @Test func linksInAPrivateFolderAreNotFollowed() throws {
    let own = try PrivateFolder(path("work"))
    try make("victim")
    try Folder.create(path("others"))
    try make("others/keep")
    #expect(symlink(path("victim"), path("work/plan")) == 0)
    #expect(symlink(path("others"), path("work/objects")) == 0)
    #expect(throws: FilesError.self) { try own.file("plan", .create) }
    #expect(throws: FilesError.self) { try own.folder("objects") }
    try own.write(Array("ours".utf8), to: "plan")
    #expect(try text("work/plan") == "ours")
    try own.removeContent()
    #expect(try text("victim") == "precious")
    #expect(try text("others/keep") == "precious")
  }

  @Test func movesOnlyToAFreeName() throws {
    let own = try PrivateFolder(path("work"))
    _ = try own.file("a", .create)
    try make("there")
    #expect(try !own.moveIfAbsent("a", to: path("there")))
    #expect(try text("there") == "precious")
    #expect(try own.moveIfAbsent("a", to: path("new")))
    #expect(try own.names().isEmpty)
  }

  @Test func aFileBesideADatabaseIsNoLink() throws {
    try make("a.db")
    #expect(chmod(path("a.db"), 0o640) == 0)
    try make("victim")
    #expect(symlink(path("victim"), path("linked")) == 0)
    #expect(link(path("victim"), path("hard")) == 0)
    #expect(mkfifo(path("pipe"), 0o600) == 0)
    try Folder.create(path("folder"))
    for name in ["linked", "hard", "pipe", "folder"] {
      #expect(throws: FilesError.self, "\(name)") { try File(side: path(name), of: path("a.db")) }
    }
    #expect(try text("victim") == "precious")
    _ = try File(side: path("own"), of: path("a.db"))
    #expect(try mode("own") == 0o600)
    _ = try File(side: path("shared"), of: path("a.db"), sharing: true)
    #expect(try mode("shared") == 0o640)
    // As earlier versions made it.
    #expect(chmod(path("own"), 0o644) == 0)
    _ = try File(side: path("own"), of: path("a.db"))
    #expect(try mode("own") == 0o640)
    guard geteuid() == 0 else { return }
    #expect(chown(path("own"), 65534, 65534) == 0)
    #expect(throws: FilesError.self) { try File(side: path("own"), of: path("a.db")) }
    #expect(chown(path("a.db"), 65534, 65534) == 0)
    _ = try File(side: path("own"), of: path("a.db"))
    _ = try File(side: path("new"), of: path("a.db"))
    #expect(try FileInfo.of(path("new"))?.owner == 65534)
  }

  @Test func removingFollowsNoLink() throws {
    try Folder.create(path("victim"))
    try make("victim/keep")
    try Folder.create(path("gone/below"))
    try make("gone/below/file")
    #expect(symlink(path("victim"), path("gone/link")) == 0)
    try Folder.remove(path("gone"))
    #expect(!FileInfo.exists(path("gone")))
    #expect(try text("victim/keep") == "precious")
  }

  @Test func linksLeadToAFileThatNeedNotExist() throws {
    #expect(try Folder.followingLinks(path("none")) == path("none"))
    #expect(symlink("sub/none", path("first")) == 0)
    #expect(symlink(path("first"), path("second")) == 0)
    #expect(try Folder.followingLinks(path("second")) == path("sub/none"))
    #expect(symlink(path("round"), path("round")) == 0)
    #expect(throws: FilesError.self) { try Folder.followingLinks(path("round")) }
  }

  @Test func findsTheProcessThatHasAFileOpen() throws {
    try make("a")
    let info = try #require(try FileInfo.of(path("a")))
    #expect(!OpenFiles.isOpenHere(info))
    let file = try File(path("a"), .read)
    #expect(OpenFiles.isOpenHere(info))
    #expect(OpenFiles.other(using: info) == nil)
    withExtendedLifetime(file) {}
  }

  @Test func aFileForOthersKeepsItsPermissions() throws {
    try make("a.db")
    #expect(chmod(path("a.db"), 0o600) == 0)
    try AtomicFile.write([1], to: path("m"), readableAs: path("a.db"))
    #expect(try mode("m") == 0o600)
    #expect(chmod(path("m"), 0o644) == 0)
    try AtomicFile.write([2], to: path("m"), readableAs: path("a.db"))
    #expect(try mode("m") == 0o644)
    try make("victim")
    #expect(symlink(path("victim"), path("linked")) == 0)
    try AtomicFile.write([3], to: path("linked"), readableAs: path("a.db"))
    #expect(try text("victim") == "precious")
  }
}
