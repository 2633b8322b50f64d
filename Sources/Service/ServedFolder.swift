import Files
import ObjectStore

/// A folder whose databases are served.
final class ServedFolder {
  /// A name in the folder.
  struct Entry {
    let name: String
    let isFolder: Bool
  }

  let path: String
  /// Its path below the named folder: empty, or with a slash at the end.
  let relative: String
  /// The number of its watch; nil if it is not watched.
  var watch: Int32?

  init(_ path: String, relative: String) {
    self.path = path
    self.relative = relative
  }

  /// Returns the folders and files in it, in byte order.
  ///
  /// A link to a file is a file, and a link to a folder is passed over.
  func entries() throws(FilesError) -> [Entry] {
    var entries: [Entry] = []
    for name in try Folder.names(in: path) {
      guard let info = try? FileInfo.of(path + "/" + name, followingLinks: false) else { continue }
      if info.isFolder {
        entries.append(Entry(name: name, isFolder: true))
      } else if let target = try? FileInfo.of(path + "/" + name), target.isRegular {
        entries.append(Entry(name: name, isFolder: false))
      }
    }
    return entries
  }

  /// The endings of files that belong to a database.
  private static let sideEndings = [
    "-wal", "-shm", "-journal", "-s3pos", ".restoring", ".verifying", ".exporting",
  ]

  /// Returns whether a name is that of work beside a database.
  static func isSide(_ name: String) -> Bool { sideEndings.contains { name.hasSuffix($0) } }

  /// Returns whether a name is that of a database.
  static func matches(_ name: String, _ patterns: [String]) -> Bool {
    !isSide(name) && patterns.contains { NamePattern.matches(name, $0) }
  }

  /// Returns the path of a replica, with characters that a key can hold.
  static func key(_ relative: String) -> String {
    relative.split(separator: "/").map { ObjectKey.escaped(String($0)) }.joined(separator: "/")
  }
}
