internal import CSQLite

/// The two text patterns of SQL.
package enum TextPattern {
  /// Matches a GLOB pattern; the corresponding C function is `sqlite3_strglob`.
  package static func glob(_ pattern: String, _ text: String) -> Bool { sqlite3_strglob(pattern, text) == 0 }

  /// Matches a LIKE pattern without an escape character, as the C function `sqlite3_strlike` does.
  package static func like(_ pattern: String, _ text: String) -> Bool {
    sqlite3_strlike(pattern, text, 0) == 0
  }
}
