package import SQLite

extension Session {
  /// Makes safe mode check the statements of a connection.
  package func guardSafety(of connection: Connection) {
    guard settings.safeModeReturns else { return connection.setAuthorizer(nil) }
    connection.setAuthorizer { [weak self] request in self?.judge(request) ?? .ok }
  }

  /// Denies what safe mode forbids, and keeps the reason for the end of the program.
  package func judge(_ request: AuthorizerRequest) -> AuthorizerAnswer {
    guard settings.isSafe else { return .ok }
    switch request.action {
    case AuthorizerRequest.attach: settings.violation = "cannot run ATTACH in safe mode"
    case AuthorizerRequest.function:
      guard let name = request.second, Self.unsafeFunctions.contains(name.lowercased()) else { return .ok }
      settings.violation = "cannot use the \(name)() function in safe mode"
    default: return .ok
    }
    return .deny
  }

  private static let unsafeFunctions: Set<String> = [
    "edit", "fts3_tokenizer", "load_extension", "readfile", "writefile", "zipfile", "zipfile_cds",
  ]

  /// Ends the program if a statement did what safe mode forbids.
  package func checkSafety() throws {
    guard let violation = settings.violation else { return }
    settings.violation = nil
    try requireUnsafe(violation)
  }
}
