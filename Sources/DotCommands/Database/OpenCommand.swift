internal import Files
internal import SQLite
internal import Shell

/// `.open`: closes the database and opens another one.
struct OpenCommand: DotCommand {
  static let spec = CommandSpec(
    name: "open", shortest: 2, usage: "?OPTIONS? ?FILE?", summary: "Close existing database and reopen FILE",
    details: [
      "     Options:",
      "        --append        Use appendvfs to append database to the end of FILE",
      "        --deserialize   Load into memory using sqlite3_deserialize()",
      "        --hexdb         Load the output of \"dbtotxt\" as an in-memory db",
      "        --maxsize N     Maximum size for --hexdb or --deserialized database",
      "        --new           Initialize FILE to an empty database",
      "        --nofollow      Do not follow symbolic links",
      "        --readonly      Open FILE readonly",
      "        --zip           FILE is a ZIP archive",
    ])
  private var file: String?
  private var isNew = false
  private var manner = DatabaseSlot.Manner.byContent
  /// A moment of a replica to open.
  private var moment: String?
  init(parsing words: inout Words) throws(CommandError) {
    while let word = words.optional() {
      switch word {
      case "-new", "--new": isNew = true
      case "-at" where !words.isEmpty, "--at" where !words.isEmpty: moment = words.optional()
      case "-readonly", "--readonly": manner = .readOnly
      case "-append", "--append": manner = .appended
      case "-deserialize", "--deserialize": manner = .copied
      case "-hexdb", "--hexdb": manner = .hexadecimal
      // sqlite3 accepts these two and ignores them.
      case "-nofollow", "--nofollow": break
      case "-maxsize" where !words.isEmpty, "--maxsize" where !words.isEmpty: _ = words.optional()
      case "-zip", "--zip": manner = .zip
      default:
        guard !word.hasPrefix("-") else { throw .message("unknown option: \(word)") }
        guard file == nil else { throw .message("extra argument: \"\(word)\"") }
        file = word
      }
    }
  }
  func run(in session: Session) throws {
    let database = session.database
    if moment != nil || file.map(PastSession.isReplica) == true,
      let past = session.observer(MirrorSession.self)?.past
    {
      try session.requireUnsafe("cannot open a replica in safe mode")
      return try past.open(file, at: moment ?? "last", in: session)
    }
    if let file, file != ":memory:", manner != .hexadecimal {
      try session.requireUnsafe("cannot open disk-based database files in safe mode")
    }
    database.close()
    database.refusesLinks = false
    database.greatestSize = 0
    if let file, isNew { ProcessEnvironment.delete(file) }
    try database.open(file, manner)
  }
}
