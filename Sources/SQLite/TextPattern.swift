internal import CSQLite

/// The two text patterns of SQL.
package enum TextPattern {
  /// The corresponding C function is `sqlite3_strglob`.
  package static func glob(_ pattern: String, _ text: String) -> Bool { sqlite3_strglob(pattern, text) == 0 }

  /// The corresponding C function is `sqlite3_strlike`, without an escape character.
  package static func like(_ pattern: String, _ text: String) -> Bool {
    sqlite3_strlike(pattern, text, 0) == 0
  }
}
