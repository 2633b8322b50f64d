import Files
import Synchronization

/// Makes folders, and knows of which it has seen to it that they survive a crash.
///
/// A folder that is there may have been made by a process that was killed before it synced the one above it, so each is
/// synced once by every process that puts something into it.
final class DurableFolders: Sendable {
  private struct State {
    /// Inodes by path.
    var known: [String: UInt64] = [:]
    var isUsed = false
  }
  private let state = Mutex(State())

  /// Whether this is asked for the first time.
  var isFirst: Bool {
    state.withLock { state in
      defer { state.isUsed = true }
      return !state.isUsed
    }
  }

  /// Makes a folder below `root`, or `root` itself, and syncs those above it unless that was done before.
  func make(_ folder: String, below root: String) throws(FilesError) {
    let found = try FileInfo.of(folder)
    if let found, found.isFolder, state.withLock({ $0.known[folder] }) == found.inode { return }
    if found == nil { try Folder.create(folder) }
    try sync(folder, below: root)
  }

  /// Syncs a folder and all above it, up to the one that holds `root`.
  func sync(_ folder: String, below root: String) throws(FilesError) {
    var next = folder
    try Folder.sync(next)
    while next.utf8.count >= root.utf8.count, next != "/" {
      let inode = try FileInfo.of(next)?.inode
      let above = Folder.parent(of: next)
      do {
        try Folder.sync(above)
      } catch  where next == root && error.errno == .accessDenied {
        // The directory was given to us in a folder that we may not read.
      }
      if let inode { state.withLock { $0.known[next] = inode } }
      next = above
    }
  }
}
