/// A column for which an index may be wanted.
struct Term {
  let column: Int
  let collation: String
  var isDescending = false
}

/// One way in which the planner considered reading a table.
struct Scan {
  let table: TableShape
  var equalities: [Term] = []
  var ranges: [Term] = []
  var order: [Term] = []

  /// Passes the columns of useful indexes to `take`, the most obvious first.
  ///
  /// These are equalities alone, equalities with each of the ranges, and equalities with the wanted
  /// order.
  func proposals(_ take: (_ equalities: [Term], _ rest: [Term]) throws -> Void) rethrows {
    let all = equalities(without: [])
    if !all.isEmpty { try take(all, []) }
    for range in ranges.reversed() where !all.contains(where: { $0.column == range.column }) {
      try take(all, [range])
    }
    if !order.isEmpty { try take(equalities(without: order), order) }
  }

  /// Returns one equality for each column, the last of several, in the order of the query.
  private func equalities(without others: [Term]) -> [Term] {
    var seen = Set(others.map(\.column))
    return equalities.reversed().filter { seen.insert($0.column).inserted }.reversed()
  }
}
