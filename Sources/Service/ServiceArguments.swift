/// The command line of `-serve`.
package struct ServiceArguments {
  package var options = Service.Options()
  package var form = ServiceLog.Form.text
  /// The mirror's URL, and the durability, as typed; nil if not given.
  package var url: String?
  package var durability: String?
  package var isUnfenced = false
  package var isHelp = false

  /// The error of a wrong command line.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package static let usage = """
    Usage: sqlite3-cloud-s3 -serve [OPTIONS] DATABASE|FOLDER...
    Mirrors databases that other programs write, until SIGTERM or Ctrl-C.
    OPTIONS include:
       -mirror URL         mirror to s3://bucket/prefix or file:///dir, each below its name
       -pattern GLOB       names of databases in folders; may be repeated
       -log text|json      form of the lines on standard error
       -durability sync    send each commit at once, instead of once a second
       -unfenced           allow sync with a store that ignores conditional writes
    """

  /// Reads the words after the program's name; an option has one dash or two.
  package init(_ words: [String]) throws(Failure) {
    var patterns: [String] = []
    var rest = words[...]
    func argument(of option: String) throws(Failure) -> String {
      guard let word = rest.popFirst() else { throw Failure(description: "missing argument to \(option)") }
      return word
    }
    var endsOptions = false
    while let word = rest.popFirst() {
      guard word.hasPrefix("-"), !endsOptions else {
        options.sources.append(word)
        continue
      }
      switch word.hasPrefix("--") ? String(word.dropFirst(2)) : String(word.dropFirst()) {
      case "": endsOptions = true
      case "serve": break
      case "mirror": url = try argument(of: word)
      case "durability": durability = try argument(of: word)
      case "pattern": patterns.append(try argument(of: word))
      case "log":
        let text = try argument(of: word)
        guard let form = ServiceLog.Form(rawValue: text) else {
          throw Failure(description: "-log takes text or json, not \"\(text)\"")
        }
        self.form = form
      case "unfenced": isUnfenced = true
      case "help": isHelp = true
      default: throw Failure(description: "unknown option of -serve: \(word)")
      }
    }
    if !patterns.isEmpty { options.patterns = patterns }
    guard isHelp || !options.sources.isEmpty else {
      throw Failure(description: "-serve needs a database or a folder")
    }
  }
}
