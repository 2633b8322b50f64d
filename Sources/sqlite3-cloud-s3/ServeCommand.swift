internal import DotCommands
internal import Files
internal import LineReader
internal import ObjectStore
internal import Replicator
internal import Service

/// `-serve`: mirrors databases without a prompt.
enum ServeCommand {
  /// Runs a service with these arguments, without the program's name; returns the exit code.
  static func run(_ words: [String]) -> Int32 {
    do {
      let arguments = try ServiceArguments(words)
      guard !arguments.isHelp else {
        OutputLine.print(ServiceArguments.usage + "\n")
        return 0
      }
      return try service(arguments).run()
    } catch {
      OutputLine.printError("Error: \(error)\n")
      return 1
    }
  }

  private static func service(_ arguments: ServiceArguments) throws -> Service {
    let encryption = Environment.encryption
    let session = MirrorSession(encryption: encryption) { try Environment.makeStore($0) }
    Environment.configure(session)
    if let error = session.configurationError { throw CommandLineError(error) }
    var settings = session.settings
    if let word = arguments.durability {
      settings.durability = try Environment.durability(word, of: "-durability")
    }
    settings.isUnfencedAllowed = arguments.isUnfenced
    let url: ReplicaURL
    if let text = arguments.url {
      url = try ReplicaURL(text)
    } else if case .bucket(let bucket) = session.configuration {
      url = bucket
    } else {
      throw CommandLineError("no mirror is configured: use -mirror URL or S3_BUCKET")
    }
    let log = ServiceLog(arguments.form) { OutputLine.printError($0) }
    return Service(arguments.options, settings: settings, log: log) { path in
      try RenewingStore(clock: { Clock.monotonicSeconds }) {
        try encryption.over(Environment.makeStore(url.appending(path)))
      }
    }
  }
}
