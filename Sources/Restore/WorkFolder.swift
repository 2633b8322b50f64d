import Files

/// A folder for the duration of a verification or an export.
final class WorkFolder {
  let folder: PrivateFolder
  private let temporary: TemporaryFolder?
  var path: String { folder.path }

  init() throws {
    let temporary = try TemporaryFolder()
    self.temporary = temporary
    folder = try PrivateFolder(temporary.path)
  }

  /// Files of an earlier run that was killed are removed.
  init(beside database: String, for purpose: String) throws {
    temporary = nil
    folder = try PrivateFolder("\(database).\(purpose)")
    try folder.removeContent()
  }

  func remove() {
    RestoreFolder.remove(folder)
    withExtendedLifetime(temporary) {}
  }
}
