import Files
import Synchronization

/// Makes folders, and remembers which of them survive a crash.
///
/// An existing folder may come from a process that was killed before it synced the folder above. So
/// each process that puts something into a folder syncs it once.
final class DurableFolders: Sendable {
  private struct State {
    /// Inodes by path.
    var known: [String: UInt64] = [:]
    var isUsed = false
  }
  private let state = Mutex(State())

  /// Returns whether this is the first call for the folder.
  var isFirst: Bool {
    state.withLock { state in
      defer { state.isUsed = true }
      return !state.isUsed
    }
  }

  /// Makes a folder below `root`, or `root` itself, and syncs the folders above it if that was not
  /// done before.
  func make(_ folder: String, below root: String) throws(FilesError) {
    let found = try FileInfo.of(folder)
    if let found, found.isFolder, state.withLock({ $0.known[folder] }) == found.inode { return }
    if found == nil { try Folder.create(folder) }
    try sync(folder, below: root)
  }

  /// Syncs a folder and all folders above it, up to the one that holds `root`.
  func sync(_ folder: String, below root: String) throws(FilesError) {
    var next = folder
    try Folder.sync(next)
    while next.utf8.count >= root.utf8.count, next != "/" {
      let inode = try FileInfo.of(next)?.inode
      let above = Folder.parent(of: next)
      do {
        try Folder.sync(above)
      } catch  where next == root && error.errno == .accessDenied {
        // We may not read the folder that holds the directory.
      }
      if let inode { state.withLock { $0.known[next] = inode } }
      next = above
    }
  }
}
