import Files
import Replicator
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Writes one state of the replica in another program's format.
struct MirrorExport {
  struct Options {
    let url: String
    var from: String?
    var target = RestoreTarget()

    init(parsing words: inout Words) throws(CommandError) {
      let format = try words.required()
      guard format == "litestream" else {
        throw .message("Error: unknown export format: \"\(format)\": use litestream")
      }
      var url: String?
      while let word = words.optional() {
        switch word {
        case "--from", "-from": from = try words.required()
        case "--to-txn", "-to-txn", "--to-time", "-to-time", "--as-of", "-as-of":
          target.take(try MomentWords.moment(words.required()))
        default:
          guard url == nil, !word.hasPrefix("-") else { throw .usage }
          url = word
        }
      }
      guard let url else { throw .usage }
      self.url = url
    }
  }

  let session: Session
  let observer: MirrorSession
  let options: Options

  func run() throws {
    let path = session.database.openConnection?.fileName() ?? session.database.name
    // The export includes the newest commits.
    if options.from == nil, let mirror = observer.mirror, mirror.isOn {
      try mirror.flush(seconds: observer.settings.flushTimeout)
    }
    let url = LitestreamURL.place(in: options.url) ?? options.url
    var isDirectory = false
    if case .file = try ReplicaURL(url) { isDirectory = true }
    var export = LitestreamExport(
      ReplicaCatalog(try observer.store(options.from, for: path)), to: try observer.plainStore(url),
      isDirectory: isDirectory)
    export.target = options.target
    if let path, !path.isEmpty, path != ":memory:" { export.place = path }
    export.patience = observer.patience
    export.isInterrupted = observer.isInterrupted
    if try observer.hasKey {
      session.errors.tell("-- \(export.output.url) is not encrypted: Litestream could not read it")
    }
    let report = try session.progress.during("export", when: session.isInteractive) { watch in
      export.watch = watch
      return try export.run()
    }
    for notice in report.notices { session.errors.tell("-- \(notice)") }
    session.output.tell(
      "exported transaction \(report.transaction) (\(ISOTime.text(report.time))) to \(export.output.url): "
        + "\(report.files) \(report.files == 1 ? "file" : "files"), \(report.bytes) bytes")
  }
}

/// The name of a Litestream replica: `litestream:` and its URL.
enum LitestreamURL {
  /// Returns the URL, or nil if the text is not such a name.
  static func place(in text: String) -> String? {
    let prefix = "litestream:"
    return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
  }
}
