internal import DirectoryObjectStore
internal import DotCommands
internal import Files
internal import LineReader
internal import Replicator
internal import ObjectStore
internal import ReplicaFormat
internal import S3ObjectStore
internal import Shell

/// The mirror's settings from the environment and the command line.
enum Environment {
  /// Every variable that is read.
  private static let names = [
    "S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY",
    "S3_SESSION_TOKEN",
    "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "S3_HOSTNAME", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION",
    "S3_BUCKET", "S3_PREFIX", "S3_URI_STYLE", "S3_SIGNATURE", "S3_STORAGE_CLASS", "S3_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "S3_DURABILITY", "S3_SYNC_INTERVAL", "S3_WAL_LIMIT", "S3_FLUSH_TIMEOUT", "S3_CONNECT_TIMEOUT",
    "S3_TRANSFER_TIMEOUT", "S3_RETENTION", "S3_METRICS_FILE", "HOME", "http_proxy", "https_proxy",
    "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
  ]

  private static func read() -> [String: String] {
    var values: [String: String] = [:]
    for name in names { values[name] = ProcessEnvironment.variable(name) }
    return values
  }

  /// Makes a store for a URL, with the S3 settings of the environment.
  static func makeStore(_ url: ReplicaURL) throws -> any ObjectStore {
    switch url {
    case .file(let path):
      return try DirectoryObjectStore(path: path, sizeLimit: { ReplicaLayout.largestObject($0.name) })
    case .s3(let bucket, let prefix):
      let environment = read()
      let home = environment["HOME"] ?? ProcessEnvironment.homeDirectory
      let settings = try S3Settings(environment: environment, home: home)
      ProcessEnvironment.keepMemoryPrivate()
      let thread = ProcessIdentity.thread
      // Ctrl-C ends waits of the session's own thread; requests of other threads continue.
      return try S3ObjectStore(
        settings: settings, bucket: bucket, prefix: prefix,
        isGivenUp: { InterruptSignal.wasRaised && ProcessIdentity.thread == thread },
        sizeLimit: { ReplicaLayout.largestObject($0.name) })
    }
  }

  /// The keys that replicas are encrypted with.
  static var encryption: EncryptionSettings {
    EncryptionSettings(
      file: ProcessEnvironment.variable("S3_ENCRYPTION_KEY_FILE"),
      command: ProcessEnvironment.variable("S3_ENCRYPTION_KEY_COMMAND"),
      mode: ProcessEnvironment.variable("S3_ENCRYPTION"))
  }

  /// Configures a session's mirror.
  static func configure(_ session: MirrorSession) {
    if let path = ProcessEnvironment.variable("S3_METRICS_FILE"), !path.isEmpty {
      session.writeMetrics(to: path)
    }
    do {
      if let bucket = ProcessEnvironment.variable("S3_BUCKET"), !bucket.isEmpty {
        let prefix = ProcessEnvironment.variable("S3_PREFIX") ?? ""
        session.configuration = .bucket(try ReplicaURL("s3://\(bucket)/\(prefix)"))
      }
      if let word = ProcessEnvironment.variable("S3_DURABILITY"), !word.isEmpty {
        session.settings.durability = try durability(word, of: "S3_DURABILITY")
      }
      if let seconds = try number("S3_SYNC_INTERVAL") { session.settings.syncInterval = seconds }
      if let text = ProcessEnvironment.variable("S3_WAL_LIMIT"), !text.isEmpty {
        guard let bytes = Int(text), bytes > 0 else {
          throw CommandLineError("S3_WAL_LIMIT is a number of bytes, not \"\(text)\"")
        }
        session.settings.logWarning = bytes
      }
      if let text = ProcessEnvironment.variable("S3_RETENTION"), !text.isEmpty {
        session.settings.retention = text == "forever" ? nil : Duration.seconds(text)
        guard text == "forever" || session.settings.retention != nil else {
          throw CommandLineError("S3_RETENTION is a duration like 30d, or forever, not \"\(text)\"")
        }
      }
      if let seconds = try number("S3_FLUSH_TIMEOUT") { session.settings.flushTimeout = seconds }
      // A transfer without progress ends after this time, and is tried at least once more.
      if let seconds = try number("S3_TRANSFER_TIMEOUT") { session.patience = 2 * seconds }
    } catch {
      session.configurationError = "\(error)"
    }
  }

  static func durability(_ word: String, of name: String) throws -> Durability {
    guard let durability = Durability(rawValue: word) else {
      throw CommandLineError("\(name) is async or sync, not \"\(word)\"")
    }
    return durability
  }

  private static func number(_ name: String) throws -> Double? {
    guard let text = ProcessEnvironment.variable(name), !text.isEmpty else { return nil }
    guard let number = Double(text), number >= 0, number <= 86_400 else {
      throw CommandLineError("\(name) is a number of seconds, not \"\(text)\"")
    }
    return number
  }

  /// Returns the action of an option that a shell does not take.
  private static func refused(_ reason: String) -> CommandLineOption.Action {
    { launch, _ in
      launch.fail("Error: \(reason)")
      throw SessionExit(code: 1)
    }
  }

  /// Options that sqlite3 does not have.
  static func options(_ session: MirrorSession) -> [CommandLineOption] {
    [
      CommandLineOption(
        "mirror", ["URL"], help: "mirror to s3://bucket/prefix or file:///dir, or \"off\"",
        early: { launch, arguments in
          guard let text = arguments.first else { return }
          do throws(ReplicaURLError) {
            session.configuration = text == "off" ? .off : .fixed(try ReplicaURL(text))
          } catch {
            launch.fail("Error: \(error)")
            throw SessionExit(code: 1)
          }
        }),
      CommandLineOption(
        "at", ["MOMENT"], help: "open the database, or the replica s3://…, as it was: 17, 21:50, -5m",
        early: { launch, arguments in
          do {
            try session.past.setMoment(arguments.first ?? "")
          } catch {
            launch.fail("\(error)")
            throw SessionExit(code: 1)
          }
        }),
      CommandLineOption(
        "serve", help: "mirror databases without a prompt: -serve DATABASE|FOLDER...", shownAs: "serve ...",
        early: refused("-serve must be the first argument")),
      CommandLineOption(
        "wait", help: "wait until a database is stored: -wait DATABASE [--timeout S]", shownAs: "wait ...",
        early: refused("-wait must be the first argument")),
      CommandLineOption(
        "status", help: "print what other processes mirror: -status [--json] [DATABASE...]",
        shownAs: "status ...", early: refused("-status must be the first argument")),
      CommandLineOption(
        "timeout", ["S"], help: "with -wait: the maximum number of seconds",
        early: refused("-timeout is an option of -wait")),
      CommandLineOption(
        "pattern", ["GLOB"], help: "with -serve: the names of databases in folders",
        early: refused("-pattern is an option of -serve")),
      CommandLineOption(
        "log", ["text|json"], help: "with -serve: the form of its lines",
        early: refused("-log is an option of -serve")),
      // For the files in Docs: not for users, and not in the help.
      CommandLineOption(
        "generate", ["bash|zsh|fish|manual"],
        early: { launch, arguments in
          guard let script = OptionScript(rawValue: arguments[0]) else {
            launch.fail("Error: -generate takes bash, zsh, fish or manual")
            throw SessionExit(code: 1)
          }
          launch.print(script, for: "sqlite3-cloud-s3")
          throw SessionExit(code: 0)
        }),
      CommandLineOption(
        "metrics", ["FILE"], help: "write metrics to FILE for Prometheus's node_exporter",
        early: { _, arguments in session.writeMetrics(to: arguments[0]) }),
      CommandLineOption(
        "check", help: "try the mirror's settings and store, print fixes, and exit",
        early: { _, _ in session.isCheckOnly = true },
        late: { launch, _ in
          launch.instead = { MirrorCheck(session: $0, observer: session).runAlone() }
        }),
      CommandLineOption(
        "durability", ["async|sync"], help: "when a commit returns: at once, or when it is stored",
        early: { launch, arguments in
          do {
            session.settings.durability = try durability(arguments.first ?? "", of: "-durability")
          } catch {
            launch.fail("Error: \(error)")
            throw SessionExit(code: 1)
          }
        }),
      CommandLineOption(
        "unfenced", help: "allow sync with a store that ignores conditional writes",
        early: { _, _ in session.settings.isUnfencedAllowed = true }),
    ]
  }
}

/// The error of a wrong setting.
struct CommandLineError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
