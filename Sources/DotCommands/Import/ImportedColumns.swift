internal import SQLite

/// Columns of a new table, named by the first row of what is imported.
struct ImportedColumns {
  /// Their definitions in parentheses; nil if there are none.
  let definitions: String?
  /// What was renamed because several columns had one name, one line each; nil if nothing was.
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
      // Four to a line.
      text += index == 0 ? "\n" : index % 4 == 0 ? ",\n " : ", "
      text += Identifier.quoted(name) + " TEXT"
    }
    definitions = text + ")"
    let changed = zip(names, unique).filter { $0 != $1 }
      .map { "\(Identifier.quoted($0)) to \(Identifier.quoted($1))" }
    renames = changed.isEmpty ? nil : changed.joined(separator: ",\n")
  }

  /// Appends its position to every name that occurs more than once, with so many zeros that it is new.
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
    // sqlite3 looks for clashes among names with positions of equal length, but does not use those names.
    let digits = String(names.count).utf8.count
    var zeros = 0
    while Set(named(zeros, digits: digits).map(folded)).count < names.count { zeros += 1 }
    return named(zeros, digits: 1)
  }

  /// A name as SQLite compares it: ASCII letters without regard to case.
  private static func folded(_ name: String) -> String {
    String(decoding: name.utf8.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
