/// Files and folders beside a database, by their names.
package enum SideFiles {
  /// SQLite's files, and those of the mirror and of restores.
  private static let endings = [
    "-wal", "-shm", "-journal", "-s3pos", "-s3follow", ".restoring", ".verifying", ".exporting",
  ]

  /// Returns whether a name is that of a file or folder beside a database.
  package static func isSide(_ name: String) -> Bool { endings.contains { name.hasSuffix($0) } }
}
