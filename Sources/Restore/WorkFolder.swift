import Files

/// A folder for the time of a verification or an export.
final class WorkFolder {
  let path: String
  private let temporary: TemporaryFolder?

  init() throws {
    let temporary = try TemporaryFolder()
    self.temporary = temporary
    path = temporary.path
  }

  init(beside database: String, for purpose: String) throws {
    temporary = nil
    path = "\(database).\(purpose)"
    try Folder.remove(path)
    try Folder.create(path)
  }

  func remove() {
    RestoreFolder.remove(path)
    withExtendedLifetime(temporary) {}
  }
}
