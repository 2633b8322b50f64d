internal import CSQLite

/// Names of tables and columns as SQL text.
package enum Identifier {
  /// Returns a name in double quotes if SQL needs them: unless it is an ASCII word and no keyword.
  ///
  /// The corresponding C function is `sqlite3_keyword_check`.
  package static func quotedIfNeeded(_ name: String) -> String {
    needsQuotes(name) ? quoted(name) : name
  }

  /// Returns a name in double quotes, with those inside it doubled.
  package static func quoted(_ name: String) -> String {
    var text = "\""
    for character in name.unicodeScalars {
      if character == "\"" { text += "\"" }
      text.unicodeScalars.append(character)
    }
    return text + "\""
  }

  /// Returns whether a name needs quotes.
  package static func needsQuotes(_ name: String) -> Bool {
    var name = name
    return name.withUTF8 { bytes in
      guard let first = bytes.first, first < 0x30 || first > 0x39 else { return true }
      for byte in bytes {
        let isWord =
          (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || byte == 0x5f
        if !isWord { return true }
      }
      return isKeyword(bytes)
    }
  }

  /// Returns whether a name is a keyword of SQL.
  ///
  /// The corresponding C function is `sqlite3_keyword_check`.
  package static func isKeyword(_ name: String) -> Bool {
    var name = name
    return name.withUTF8 { isKeyword($0) }
  }

  private static func isKeyword(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.withMemoryRebound(to: CChar.self) { bytes in
      sqlite3_keyword_check(bytes.baseAddress, Int32(bytes.count)) != 0
    }
  }
}
