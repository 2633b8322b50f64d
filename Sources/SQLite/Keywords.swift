internal import CSQLite

/// The keywords of SQL (https://www.sqlite.org/c3ref/keyword_check.html).
package enum Keywords {
  /// All keywords, in upper case.
  ///
  /// The corresponding C function is `sqlite3_keyword_name`.
  package static var all: [String] {
    (0..<sqlite3_keyword_count()).compactMap { index in
      var name: UnsafePointer<CChar>?
      var count: Int32 = 0
      guard sqlite3_keyword_name(index, &name, &count) == SQLITE_OK, let name else { return nil }
      let bytes = UnsafeRawBufferPointer(start: name, count: Int(count))
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
