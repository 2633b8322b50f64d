internal import SQLite
internal import Shell

/// `.vfsinfo`: describes the file system of a database.
struct VFSInfoCommand: DotCommand {
  static let spec = CommandSpec(
    name: "vfsinfo", shortest: 1, usage: "?AUX?", summary: "Information about the top-level VFS")
  private let schema: String
  init(parsing words: inout Words) throws(CommandError) { schema = words.schema() }
  func run(in session: Session) throws {
    guard let connection = session.database.openConnection, let vfs = connection.vfs(schema) else { return }
    for line in vfs.lines { session.output.print(line) }
  }
}

/// `.vfslist`: describes all file systems.
struct VFSListCommand: DotCommand {
  static let spec = CommandSpec(name: "vfslist", shortest: 4, summary: "List all available VFSes")
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) throws {
    let current = session.database.openConnection?.vfs("main")
    // sqlite3 does not have our VFS.
    let all = FileSystem.all.filter { $0.name != "replica" || $0.isSame(as: current) }
    for (index, vfs) in all.enumerated() {
      var lines = vfs.lines
      if vfs.isSame(as: current) { lines[0] += "  <--- CURRENT" }
      for line in lines { session.output.print(line) }
      if index < all.count - 1 { session.output.print("-----------------------------------") }
    }
  }
}

/// `.vfsname`: names the file systems below a database.
struct VFSNameCommand: DotCommand {
  static let spec = CommandSpec(
    name: "vfsname", shortest: 4, usage: "?AUX?", summary: "Print the name of the VFS stack")
  private let schema: String
  init(parsing words: inout Words) throws(CommandError) { schema = words.schema() }
  func run(in session: Session) throws {
    if let name = session.database.openConnection?.vfsName(schema) { session.output.print(name) }
  }
}

/// `.version`: prints number and date of the library.
///
/// It is undocumented, but its name comes before `.vfsinfo`.
struct VersionCommand: DotCommand {
  static let spec = CommandSpec(
    name: "version", shortest: 1, summary: "Show source, library and compiler versions",
    isHidden: !Dialect.current.listsVersion)
  init(parsing words: inout Words) throws(CommandError) {}
  func run(in session: Session) {
    session.output.print("SQLite \(LibraryVersion.number) \(LibraryVersion.source)")
  }
}

extension Words {
  /// Returns the only argument; if there are more, none counts.
  fileprivate mutating func schema() -> String { count == 1 ? optional() ?? "main" : "main" }
}

extension FileSystem {
  fileprivate var lines: [String] {
    [
      "vfs.zName      = \"\(name)\"", "vfs.iVersion   = \(version)", "vfs.szOsFile   = \(fileSize)",
      "vfs.mxPathname = \(longestPath)",
    ]
  }
}
