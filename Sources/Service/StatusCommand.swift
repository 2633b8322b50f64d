import Bytes
import Files
import Replicator
import SQLite

/// `-status`: prints the state of databases that other processes mirror.
package struct StatusCommand {
  package static let usage = """
    Usage: sqlite3-cloud-s3 -status [--json] [DATABASE...]
    Prints the state of mirrored databases; without a name, those of all services.
    The exit code is 1 if a database is not mirrored.
    """

  private var paths: [String] = []
  private var isJSON = false
  package private(set) var isHelp = false

  /// Reads the words after the program's name.
  package init(_ words: [String]) throws(ServiceArguments.Failure) {
    for word in words {
      switch word {
      case "-status", "--status": break
      case "-json", "--json": isJSON = true
      case "-help", "--help": isHelp = true
      case _ where word.hasPrefix("-"):
        throw ServiceArguments.Failure(description: "unknown option of -status: \(word)")
      default: paths.append(word)
      }
    }
  }

  /// Prints a line for each database; returns the exit code.
  package func run(print: (String) -> Void) -> Int32 {
    var lines: [String] = []
    if paths.isEmpty {
      for process in ControlSocket.processes() {
        lines += (ControlSocket.ask(process, "status", seconds: 5) ?? "").split(separator: "\n").map(
          String.init)
      }
    } else {
      lines = paths.map(line)
    }
    // Another process made the lines.
    for line in lines { print((isJSON ? line : Self.text(line)).escapingControls() + "\n") }
    if lines.isEmpty { print(isJSON ? "" : "no service of this user runs\n") }
    return lines.isEmpty || lines.contains { !Self.isMirrored($0) } ? 1 : 0
  }

  private func line(_ named: String) -> String {
    let path = Folder.canonical(named) ?? named
    var object = JSONText()
    object.add("database", text: path)
    do {
      guard FileInfo.exists(path) else { throw MirrorError(.unsuitable, "there is no such file") }
      guard let view = try HolderView(of: path), view.isHeld else {
        throw MirrorError(.notMirrored, "no process mirrors it")
      }
      let holder = view.holder
      if let holder, let answer = ControlSocket.ask(holder, "status\t\(path)", seconds: 5),
        answer.hasPrefix("{")
      {
        return String(answer.dropLast())
      }
      object.add("process", raw: holder.map { "\($0)" } ?? "null")
      (view.status() ?? MirrorStatus()).add(to: &object)
    } catch {
      var status = MirrorStatus()
      status.lastError = "\(error)"
      object.add("process", raw: "null")
      status.add(to: &object)
    }
    return object.text
  }

  private static func isMirrored(_ line: String) -> Bool { line.contains(",\"state\":\"running\",") }

  /// Returns the line for a person.
  private static func text(_ line: String) -> String {
    func value(_ name: String) -> String {
      guard let start = line.firstRange(of: "\"\(name)\":") else { return "" }
      let rest = line[start.upperBound...]
      if rest.hasPrefix("\"") {
        var text = ""
        var isEscaped = false
        for character in rest.dropFirst() {
          if character == "\"", !isEscaped { break }
          isEscaped = character == "\\" && !isEscaped
          if !isEscaped { text.append(character) }
        }
        return text
      }
      return String(rest.prefix { $0 != "," && $0 != "}" })
    }
    let (state, cause) = (value("state"), value("last_error"))
    let error = cause == "null" ? "" : ": \(cause)"
    guard state == "running" else { return "\(value("database")): \(state)\(error)" }
    let lag = value("lag_frames")
    return "\(value("database")): transaction \(value("mirrored_transaction")) is in \(value("replica"))"
      + (lag == "0" ? ", nothing waits" : ", \(lag) frames wait for \(value("lag_seconds")) s") + error
  }
}
