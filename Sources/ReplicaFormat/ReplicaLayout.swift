internal import Bytes

/// The names of a replica's objects, below its URL.
///
/// This target holds names and bytes only: no I/O and no SQLite. `SliceBuilder` and `SliceReader`
/// write and read frames, `StatementBatch` and `StatementScript` statements, and `TextRecord` the
/// small records. `Replicator` writes them and `Restore` reads them.
///
/// Numbers have a fixed width in hexadecimal, so the order of a listing is the order of
/// transactions. `Place`, `MergedName`, `BaseName` and `BatchName` make and read the names of a
/// generation's objects.
///
///     let key = ReplicaLayout.mark(2)                 // chain/00000002.txt
///     let place = Place(generation, transaction: 8, previous: id)
package enum ReplicaLayout {
  /// Marks: which generation has a number.
  package static let chain = "chain/"
  package static let generations = "generations/"
  package static let pages = "pages/"
  /// The lease.
  package static let lease = "lease.txt"
  /// Prefixes of the names of objects that are never encrypted, because a session needs them with
  /// any key or none.
  package static let open = [lease, chain]

  package static func folder(_ generation: GenerationID) -> String { "\(generations)\(generation)/" }
  package static func record(_ generation: GenerationID) -> String { folder(generation) + "generation.txt" }
  package static func bases(_ generation: GenerationID) -> String { folder(generation) + "base/" }
  package static func slots(_ generation: GenerationID) -> String { folder(generation) + "wal/" }
  package static func merged(_ generation: GenerationID) -> String { folder(generation) + "merged/" }
  package static func statements(_ generation: GenerationID) -> String { folder(generation) + "sql/" }

  /// Returns the mark of a generation.
  package static func mark(_ sequence: UInt32) -> String { chain + Hex.fixed(sequence) + ".txt" }

  /// Returns the generation number in the key of a mark; nil if the key is not one.
  package static func markedSequence(of key: String) -> UInt32? {
    guard key.hasPrefix(chain), key.utf8.count == chain.utf8.count + 12, key.hasSuffix(".txt") else {
      return nil
    }
    return Hex.number(key.dropFirst(chain.utf8.count).prefix(8), of: UInt32.self)
      .flatMap { (1...Bounds.lastSequence).contains($0) ? $0 : nil }
  }

  /// Returns a name that sorts after every object of the generation.
  package static func end(of generation: GenerationID) -> String { folder(generation) + "~" }

  /// Returns a text that sorts before the names of all slots, merged objects and bases from this
  /// transaction on, and after all earlier ones.
  package static func fromTransaction(_ transaction: UInt64) -> String { Hex.fixed(transaction) }

  /// Returns the name of a part of a base, from the SHA-256 of its pages.
  package static func part(_ digest: String) -> String { pages + digest + ".zst" }

  /// Returns the generation in a key.
  package static func generation(of key: String) -> GenerationID? {
    guard key.hasPrefix(generations) else { return nil }
    return key.dropFirst(generations.utf8.count).split(separator: "/").first.flatMap { GenerationID($0) }
  }

  /// Returns whether builds before the first release wrote this key.
  package static func isOfEarlierForm(_ key: String) -> Bool {
    guard generation(of: key) != nil else { return false }
    let name = lastComponent(key)
    return name == "complete.txt" || name.hasSuffix(".wal") || name.hasSuffix(".sql.zst")
      || name.utf8.count == 20 && name.hasSuffix(".txt") && key.contains("/base/")
  }

  /// Returns the generation of an object in one of a generation's folders, and the rest of its key;
  /// nil if it is elsewhere.
  static func name(of key: String, in folder: (GenerationID) -> String) -> (GenerationID, Substring)? {
    guard let generation = generation(of: key) else { return nil }
    let folder = folder(generation)
    return key.hasPrefix(folder) ? (generation, key.dropFirst(folder.utf8.count)) : nil
  }

  static func lastComponent(_ key: String) -> Substring {
    key.split(separator: "/").last ?? ""
  }

  /// Returns a transaction's number in 16 digits.
  static func transaction(_ text: some StringProtocol) -> UInt64? {
    Hex.number(text, of: UInt64.self).flatMap { $0 <= Bounds.lastTransaction ? $0 : nil }
  }

  /// Returns two transactions and an identifier, as in names.
  static func numbers(_ text: Substring) -> (UInt64, UInt64, EntryID)? {
    guard text.utf8.count == 50, text.dropFirst(16).first == "-", text.dropFirst(33).first == "-",
      let first = transaction(text.prefix(16)), let second = transaction(text.dropFirst(17).prefix(16)),
      let id = EntryID(text.suffix(16))
    else { return nil }
    return (first, second, id)
  }
}
