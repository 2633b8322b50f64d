internal import Bytes
internal import SQLite
internal import Shell

/// `.auth`: prints the questions that SQLite asks its authorizer.
struct AuthCommand: DotCommand {
  static let spec = CommandSpec(
    name: "auth", shortest: 1, usage: "ON|OFF", summary: "Show authorizer callbacks")
  private let isOn: Bool
  init(parsing words: inout Words) throws(CommandError) { isOn = try words.boolean() }
  func run(in session: Session) throws {
    let connection = try session.connection
    // Safe mode's own authorizer is always set again before the next statement.
    guard isOn, !session.settings.safeModeReturns else {
      session.guardSafety(of: connection)
      return
    }
    connection.setAuthorizer { [weak session] request in
      guard let session else { return .ok }
      let words = [request.first, request.second, request.database, request.trigger]
      session.output.print(
        "authorizer: \(Self.name(request.action))"
          + words.map { " \($0.map { Self.quoted($0) } ?? "NULL")" }.joined())
      return .ok
    }
  }

  /// Returns the word as a C string constant.
  private static func quoted(_ word: String) -> String {
    "\"" + String(preserving: Escapes.literal(word.preservedBytes)) + "\""
  }

  private static func name(_ action: Int32) -> String {
    let names = [
      "???", "CREATE_INDEX", "CREATE_TABLE", "CREATE_TEMP_INDEX", "CREATE_TEMP_TABLE", "CREATE_TEMP_TRIGGER",
      "CREATE_TEMP_VIEW", "CREATE_TRIGGER", "CREATE_VIEW", "DELETE", "DROP_INDEX", "DROP_TABLE",
      "DROP_TEMP_INDEX",
      "DROP_TEMP_TABLE", "DROP_TEMP_TRIGGER", "DROP_TEMP_VIEW", "DROP_TRIGGER", "DROP_VIEW", "INSERT",
      "PRAGMA",
      "READ", "SELECT", "TRANSACTION", "UPDATE", "ATTACH", "DETACH", "ALTER_TABLE", "REINDEX", "ANALYZE",
      "CREATE_VTABLE", "DROP_VTABLE", "FUNCTION", "SAVEPOINT", "RECURSIVE",
    ]
    return names.indices.contains(Int(action)) ? names[Int(action)] : "???"
  }
}
