internal import SQLite
internal import Shell

/// `.filectrl`: sends a request to the file of a database.
struct FilectrlCommand: DotCommand {
  static let spec = CommandSpec(
    name: "filectrl", shortest: 1, usage: "CMD ...", summary: "Run various sqlite3_file_control() operations",
    details: [
      "   --schema SCHEMA         Use SCHEMA instead of \"main\"",
      "   --help                  Show CMD details",
    ], completions: Request.allCases.map { $0.rawValue })

  private enum Request: String, CaseIterable {
    case sizeLimit = "size_limit"
    case chunkSize = "chunk_size"
    case dataVersion = "data_version"
    case hasMoved = "has_moved"
    case lockTimeout = "lock_timeout"
    case persistWAL = "persist_wal"
    case psow
    case reserveBytes = "reserve_bytes"
    case tempfilename

    var usage: String {
      switch self {
      case .sizeLimit: "[LIMIT]"
      case .chunkSize: "SIZE"
      case .lockTimeout: "MILLISEC"
      case .persistWAL, .psow: "[BOOLEAN]"
      case .reserveBytes: "[N]"
      case .dataVersion, .hasMoved, .tempfilename: ""
      }
    }
  }

  private var schema: String?
  private var name: String?
  private var arguments: [String] = []
  private var number: Int64?
  private var choice: Int32 = -1

  init(parsing words: inout Words) throws(CommandError) {
    name = words.optional()
    if name == "--schema" || name == "-schema", words.remaining >= 2 {
      schema = words.optional()
      name = words.optional()
    }
    name = name.map { Self.undashed($0) }
    arguments = words.rest()
    if let word = arguments.first {
      number = Numbers.integer(word)
      if let request = found.first, found.count == 1, request == .persistWAL || request == .psow,
        arguments.count == 1
      {
        choice = words.choice(from: word)
      }
    }
  }

  /// Returns the word without one or two dashes before it.
  private static func undashed(_ word: String) -> String {
    var word = word[...]
    for _ in 1...2 where word.hasPrefix("-") && word.utf8.count > 1 { word.removeFirst() }
    return String(word)
  }

  private var found: [Request] {
    guard let name else { return [] }
    return Request.allCases.filter { $0.rawValue.hasPrefix(name) }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    guard let name, name != "help" else {
      session.output.print("Available file-controls:")
      for request in Request.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
        session.output.print("  .filectrl \(request.rawValue) \(request.usage)")
      }
      throw CommandError.silent
    }
    guard let request = found.first else {
      // Not counted as an error.
      session.errors.print("Error: unknown file-control: \(name)\nUse \".filectrl --help\" for help")
      return
    }
    guard found.count == 1 else {
      throw CommandError.message(
        "Error: ambiguous file-control: \"\(name)\"\nUse \".filectrl --help\" for help")
    }
    guard let answer = answer(request, connection) else {
      session.output.print("Usage: .filectrl \(name) \(request.usage)")
      throw CommandError.silent
    }
    if let text = answer.first { session.output.print(text) }
  }

  /// Returns the lines to print; nil if the arguments are wrong, empty if there is nothing to
  /// print.
  private func answer(_ request: Request, _ connection: Connection) -> [String]? {
    let count = arguments.count
    switch request {
    case .sizeLimit where count <= 1: return ["\(connection.control(.sizeLimit, schema, number ?? -1))"]
    case .lockTimeout where count == 1, .chunkSize where count == 1:
      let control: Connection.NumberControl = request == .chunkSize ? .chunkSize : .lockTimeout
      _ = connection.control(control, schema, number ?? 0)
      return []
    case .persistWAL where count <= 1, .psow where count <= 1:
      let control: Connection.NumberControl = request == .psow ? .powersafeOverwrite : .persistWAL
      return ["\(connection.control(control, schema, Int64(choice)))"]
    case .dataVersion where count == 0: return ["\(connection.control(.dataVersion, schema, 0))"]
    case .hasMoved where count == 0: return ["\(connection.hasMoved(schema) ? 1 : 0)"]
    case .tempfilename where count == 0: return connection.temporaryFileName(schema).map { [$0] } ?? []
    case .reserveBytes:
      if let number { _ = connection.reservedBytes(schema, Int32(truncatingIfNeeded: number)) }
      return ["\(connection.reservedBytes(schema))"]
    default: return nil
    }
  }
}
