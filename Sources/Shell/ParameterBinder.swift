internal import SQLite

/// Binds the values of `.parameter` to a statement's parameters.
struct ParameterBinder {
  static let table = "temp.sqlite_parameters"

  private let connection: Connection

  init(_ connection: Connection) { self.connection = connection }

  /// Returns the value of a name that is in no table of parameters.
  private static func constant(_ name: String) -> Value? {
    switch name.dropFirst().lowercased() {
    case "nan": .real(.nan)
    case "inf": .real(.infinity)
    default: nil
    }
  }

  func bind(_ statement: Statement) throws(SQLiteError) {
    guard statement.parameterCount > 0 else { return }
    let lookup = try? connection.prepare("SELECT value FROM \(Self.table) WHERE key=?1")
    for index in 1...statement.parameterCount {
      let name = statement.parameterName(at: index) ?? "?\(index)"
      var value = Dialect.current.bindsInfinity ? Self.constant(name) ?? .null : .null
      if let lookup {
        try lookup.bind(.text(name), at: 1)
        if try lookup.step() { value = lookup.value(at: 0) }
        lookup.reset()
      }
      try statement.bind(value, at: index)
    }
  }
}
