internal import SQLite

/// The columns of a new table, named by the first row of the input.
struct ImportedColumns {
  /// Their definitions in parentheses; nil if there are none.
  let definitions: String?
  /// The renamed columns, because several had one name, one line each; nil if there are none.
  let renames: String?

  init(_ header: [String]) {
    let names = header.map { $0.isEmpty ? "?" : $0 }
    guard !names.isEmpty else {
      definitions = nil
      renames = nil
      return
    }
    let unique = Self.unique(names)
    var text = "("
    for (index, name) in unique.enumerated() {
      // Four names on a line.
      text += index == 0 ? "\n" : index % 4 == 0 ? ",\n " : ", "
      text += Identifier.quoted(name) + " TEXT"
    }
    definitions = text + ")"
    let changed = zip(names, unique).filter { $0 != $1 }
      .map { "\(Identifier.quoted($0)) to \(Identifier.quoted($1))" }
    renames = changed.isEmpty ? nil : changed.joined(separator: ",\n")
  }

  /// Appends its position to every name that occurs more than once, with enough zeros to make it
  /// new.
  private static func unique(_ names: [String]) -> [String] {
    let keys = names.map(folded)
    var counts: [String: Int] = [:]
    for key in keys { counts[key, default: 0] += 1 }
    let isRepeated = keys.map { (counts[$0] ?? 0) > 1 }
    guard isRepeated.contains(true) else { return names }

    func named(_ zeros: Int, digits: Int) -> [String] {
      names.indices.map { index in
        guard isRepeated[index] else { return names[index] }
        let position = String(index + 1)
        let padding = zeros + max(0, digits - position.utf8.count)
        return names[index] + "_" + String(repeating: "0", count: padding) + position
      }
    }
    // sqlite3 looks for clashes among names with positions of equal length, but does not use those
    // names.
    let digits = String(names.count).utf8.count
    var zeros = 0
    while Set(named(zeros, digits: digits).map(folded)).count < names.count { zeros += 1 }
    return named(zeros, digits: 1)
  }

  /// Returns a name in the form that SQLite compares: ASCII letters without case.
  private static func folded(_ name: String) -> String {
    String(decoding: name.utf8.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
