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
  /// Its watch; nil if it is not watched.
  var watch: SharedWatch.Token?

  init(_ path: String, relative: String) {
    self.path = path
    self.relative = relative
  }

  /// Returns the folders and files in it, in byte order.
  ///
  /// Links are passed over: another user who may write to the folder could have any database of
  /// this user mirrored.
  func entries() throws(FilesError) -> [Entry] {
    var entries: [Entry] = []
    for name in try Folder.names(in: path) {
      guard let info = try? FileInfo.of(path + "/" + name, followingLinks: false) else { continue }
      if info.isFolder || info.isRegular { entries.append(Entry(name: name, isFolder: info.isFolder)) }
    }
    return entries
  }

  /// Returns whether a name is that of a database.
  static func matches(_ name: String, _ patterns: [String]) -> Bool {
    !SideFiles.isSide(name) && patterns.contains { NamePattern.matches(name, $0) }
  }

  /// Returns the path of a replica, with characters that a key can hold.
  static func key(_ relative: String) -> String {
    relative.split(separator: "/").map { ObjectKey.escaped(String($0)) }.joined(separator: "/")
  }
}
