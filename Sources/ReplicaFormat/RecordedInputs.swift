package import Bytes

/// The values outside of the database that a statement used; each is nil or empty if the statement
/// did not use it.
package struct RecordedInputs: Sendable, Equatable {
  /// The time, milliseconds of the Julian day.
  package var now: Int64?
  /// The seed of its random numbers.
  package var seed: UInt64?
  /// The time zone, as in the variable TZ.
  package var zone: String?
  /// `last_insert_rowid()` and `total_changes()` before it.
  package var rowID: Int64?
  package var total: Int64?
  /// One answer of `changes()`, and how often it was given.
  package struct Run: Sendable, Equatable {
    package let value: Int64
    package let count: Int64
    package init(_ value: Int64, _ count: Int64) {
      self.value = value
      self.count = count
    }
  }
  package var changes: [Run] = []
  /// Duration in microseconds.
  package var duration: Int64?

  package init() {}

  /// Returns whether a zone fits into a line of fields and is safe to use: it names no other file
  /// than a time zone's.
  package static func canHold(zone: String) -> Bool {
    let name = zone.hasPrefix(":") ? zone.dropFirst() : zone[...]
    return zone.utf8.count <= 256 && zone.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
      && !name.hasPrefix("/") && !name.split(separator: "/").contains("..")
  }

  /// Appends the values as fields of the line before a statement.
  package func append(to text: ByteBuffer) {
    func field(_ name: StaticString, _ value: Int64) {
      text.append(name)
      text.append(decimal: value)
    }
    if let now { field(" now=", now) }
    if let seed {
      text.append(" seed=" as StaticString)
      text.append(String(seed))
    }
    if let rowID { field(" rowid=", rowID) }
    if let total { field(" total=", total) }
    if !changes.isEmpty {
      text.append(" counts=" as StaticString)
      for (index, run) in changes.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        text.append(decimal: run.value)
        field("*", run.count)
      }
    }
    if let zone {
      text.append(" zone=" as StaticString)
      text.append(zone)
    }
  }

  /// Reads `V*N,V*N`.
  static func runs(_ text: Substring) -> [Run]? {
    var runs: [Run] = []
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "*")
      guard pair.count == 2, let value = Int64(pair[0]), let count = Int64(pair[1]), count > 0 else {
        return nil
      }
      runs.append(Run(value, count))
    }
    return runs
  }
}
