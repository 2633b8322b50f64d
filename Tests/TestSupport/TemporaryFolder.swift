package import Foundation

/// A new folder that is deleted with its value.
package final class TemporaryFolder {
  package let url: URL
  package var path: String { url.path }

  package init() throws {
    // The real path, which a process sees as its working directory.
    url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appendingPathComponent("shell-test-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Returns the path of a file in the folder.
  package func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// Writes a file in the folder.
  @discardableResult
  package func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: url.appendingPathComponent(name))
    return path(name)
  }

  /// Reads a file in the folder.
  package func read(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }
}
