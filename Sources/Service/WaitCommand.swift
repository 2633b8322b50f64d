import Files
import Replicator

/// `-wait`: waits until everything committed to a database is stored.
package struct WaitCommand {
  package static let usage = """
    Usage: sqlite3-cloud-s3 -wait DATABASE [--timeout SECONDS]
    Returns when everything that was committed is stored, with exit code 0.
    """

  private var path = ""
  private var seconds: Double
  package private(set) var isHelp = false

  /// Reads the words after the program's name; `seconds` is the time limit if they name none.
  package init(_ words: [String], seconds: Double) throws(ServiceArguments.Failure) {
    self.seconds = seconds
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "-wait", "--wait": break
      case "-help", "--help": isHelp = true
      case "-timeout", "--timeout":
        guard let text = rest.popFirst(), let seconds = Double(text), seconds >= 0, seconds <= 86_400 else {
          throw ServiceArguments.Failure(description: "--timeout takes a number of seconds")
        }
        self.seconds = seconds
      case _ where word.hasPrefix("-") || !path.isEmpty:
        throw ServiceArguments.Failure(description: "unknown argument of -wait: \(word)")
      default: path = word
      }
    }
    guard isHelp || !path.isEmpty else {
      throw ServiceArguments.Failure(description: "-wait needs a database")
    }
  }

  /// Waits; throws an error that begins with the database's name.
  package func run() throws {
    do {
      guard let found = Folder.canonical(path) else {
        throw MirrorError(.unsuitable, "there is no such file")
      }
      try HolderView.wait(for: found, seconds: seconds)
    } catch {
      throw ServiceArguments.Failure(description: "wait for \(path): \(error)")
    }
  }
}
