package import Replica
internal import ReplicaFormat
internal import SQLite

/// Finds the rows that differ between two moments of a database.
///
/// The changed pages determine which leaves of a table may hold changed rows, and each leaf stands
/// for an interval of rowids. SQLite reads these intervals at both moments on one connection and
/// compares them. Therefore the cost grows with the change, not with the database. A table without
/// rowids is compared as a whole if any of its pages changed. Two files are compared as a whole too.
///
/// Belongs to one thread at a time.
package final class RowDiff {
  /// Both moments, and the pages that may differ between them; nil for two files.
  private let readers: (from: PageReader, to: PageReader, changed: Set<UInt32>)?
  /// A connection to both moments: the earlier one is the schema `main`, the later one is `later`.
  private let connection: Connection
  package let before: SchemaShape
  package let after: SchemaShape
  /// Throws after Ctrl-C.
  private let checkInterrupt: () throws -> Void
  /// The number of compared leaves, for measurements.
  package private(set) var compared = 0

  private static let later = "later"

  package init(
    from: PageReader, to: PageReader, _ files: PastFiles, checkInterrupt: @escaping () throws -> Void = {}
  ) throws {
    self.checkInterrupt = checkInterrupt
    connection = try files.connect(from)
    try files.attach(to, to: connection, as: Self.later)
    before = try SchemaShape(connection)
    after = try SchemaShape(connection, schema: Self.later)
    readers = (from, to, try ChangedPages.between(from, to))
  }

  /// Compares two database files, which keep the state of this moment until the comparison is closed.
  package init(fromFile: String, toFile: String, checkInterrupt: @escaping () throws -> Void = {}) throws {
    self.checkInterrupt = checkInterrupt
    readers = nil
    connection = try PastFiles.connect(fromFile, attaching: toFile, as: Self.later)
    connection.setProgressHandler(every: 10_000) { (try? checkInterrupt()) == nil }
    before = try SchemaShape(connection)
    after = try SchemaShape(connection, schema: Self.later)
  }

  /// Whether two files are compared, of which nothing is known but their rows.
  package var comparesFiles: Bool { readers == nil }

  // MARK: Schemas

  package var schemaChanges: [SchemaChange] {
    let all = Set(before.entries.keys).union(after.entries.keys)
    return all.filter { before.entries[$0] != after.entries[$0] }
      .sorted {
        ($0.kind == "table" ? 0 : 1, $0.kind, $0.name) < ($1.kind == "table" ? 0 : 1, $1.kind, $1.name)
      }
      .map {
        SchemaChange(kind: $0.kind, name: $0.name, before: before.entries[$0], after: after.entries[$0])
      }
  }

  /// Returns the virtual tables whose content changed, or may have; their rows are not compared.
  package func changedVirtualTables() throws -> [String] {
    guard !comparesFiles else { return after.virtual.keys.sorted() }
    var found: [String] = []
    for (name, shadows) in after.virtual {
      let trees = try trees.filter { shadows.contains($0.name) }
      if try trees.contains(where: { try isTouched($0) }) { found.append(name) }
    }
    return found.sorted()
  }

  /// Names of the ordinary tables that exist at one of the moments, or at both.
  package var tableNames: [String] {
    Set(before.tables.keys).union(after.tables.keys).sorted()
  }

  /// Tables that cannot be compared, because columns with the names of the rowid hide it.
  package var hiddenTables: [String] {
    tableNames.compactMap { name in
      let table = after.tables[name] ?? before.tables[name]
      return table?.hasRowID == true && table?.rowID == nil ? table?.name : nil
    }
  }

  // MARK: Rows

  /// Calls `body` for each row of a table that differs.
  ///
  /// The rows come in intervals of keys. In each interval, changed and removed rows come first,
  /// then added rows.
  package func forEachChange(of name: String, _ body: (RowChange) throws -> Void) throws {
    let key = name.lowercased()
    switch (before.tables[key], after.tables[key]) {
    case (nil, nil): return
    case (let old?, nil):
      try all(old, "main") { try body(RowChange(table: old, key: $0, before: $1, after: nil)) }
    case (nil, let new?):
      try all(new, Self.later) { try body(RowChange(table: new, key: $0, before: nil, after: $1)) }
    case (let old?, let new?):
      if old.hasRowID != new.hasRowID || old.primaryKey != new.primaryKey && !new.hasRowID {
        try all(old, "main") { try body(RowChange(table: old, key: $0, before: $1, after: nil)) }
        try all(new, Self.later) { try body(RowChange(table: new, key: $0, before: nil, after: $1)) }
        return
      }
      guard old.rowID != nil || !old.hasRowID else { return }
      let all = try intervals(old, new)
      defer { readAhead(true) }
      for (number, interval) in all.enumerated() {
        try checkInterrupt()
        compared += interval.pages.count
        prepare(all, number)
        try compare(old, new, interval, body)
      }
    }
  }

  /// Calls `body` for every row of a table at the later moment, as if the row were new.
  package func forEachRow(of name: String, _ body: (RowChange) throws -> Void) throws {
    guard let table = after.tables[name.lowercased()] else { return }
    try all(table, Self.later) { try body(RowChange(table: table, key: $0, before: nil, after: $1)) }
  }

  /// Returns the table of an index or trigger, in lower case; for other entries, their own name.
  func owner(of entry: SchemaShape.Entry) -> String { after.owners[entry] ?? entry.name.lowercased() }

  private func all(_ table: TableShape, _ schema: String, _ body: ([Value], RowChange.Row) throws -> Void)
    throws
  {
    let keys = table.hasRowID ? [table.rowID].compactMap { $0 } : table.primaryKey
    guard !keys.isEmpty else { return }
    let columns = (keys + table.columns).map { Identifier.quoted($0) }.joined(separator: ", ")
    let statement = try connection.prepare(
      "SELECT \(columns) FROM \(Identifier.quoted(schema)).\(Identifier.quoted(table.name))")
    while try statement.step() {
      try checkInterrupt()
      try body(
        (0..<keys.count).map { statement.value(at: $0) },
        RowChange.Row(
          columns: table.columns,
          values: table.columns.indices.map { statement.value(at: keys.count + $0) }))
    }
  }

  /// The number of intervals whose leaves are fetched ahead during the comparison of one.
  private static let ahead = 16

  /// Begins to fetch the leaves of an interval and of the ones after it.
  ///
  /// Reads ahead beyond these leaves only if the interval is large.
  private func prepare(_ all: [Interval], _ number: Int) {
    guard let readers else { return }
    let pages = all[number..<min(number + Self.ahead, all.count)].flatMap(\.pages)
    let isLarge = all[number].pages.isEmpty || all[number].pages.count > 256
    readAhead(isLarge)
    for reader in [readers.from, readers.to] {
      reader.history.prefetch(pages, at: reader.moment.transaction)
    }
  }

  private func readAhead(_ isOn: Bool) {
    guard let readers else { return }
    (readers.from.readsAhead, readers.to.readsAhead) = (isOn, isOn)
  }

  /// The rowids greater than `low`, up to and including `high`.
  private struct Interval {
    var low: Int64?
    var high: Int64?
    /// The leaves that hold these rows at one of the two moments.
    var pages: [UInt32] = []

    static let everything = Interval(low: nil, high: nil)

    func condition(_ column: String) -> String {
      let parts = [low.map { "\(column) > \($0)" }, high.map { "\(column) <= \($0)" }].compactMap { $0 }
      return parts.isEmpty ? "1" : parts.joined(separator: " AND ")
    }
  }

  /// Compares the rows of an interval.
  private func compare(
    _ old: TableShape, _ new: TableShape, _ interval: Interval, _ body: (RowChange) throws -> Void
  ) throws {
    let keys = new.hasRowID ? [new.rowID ?? ""] : new.primaryKey
    let oldKeys = old.hasRowID ? [old.rowID ?? ""] : old.primaryKey
    func column(_ side: String, _ name: String) -> String { "\(side).\(Identifier.quoted(name))" }
    let oldTable = "main.\(Identifier.quoted(old.name))"
    let newTable = "\(Self.later).\(Identifier.quoted(new.name))"
    let join = zip(oldKeys, keys).map { "\(column("q", $1)) = \(column("p", $0))" }.joined(separator: " AND ")
    let common = old.columns.filter { name in new.columns.contains { $0.lowercased() == name.lowercased() } }
    // Compare types and bytes. Collations and affinities do not count.
    let differs = common.map { name in
      let (a, b) = (column("p", name), column("q", name))
      return "\(a) IS NOT \(b) COLLATE BINARY OR typeof(\(a)) <> typeof(\(b))"
    }
    let first = column("q", keys[0])
    let condition = interval.condition(column("p", oldKeys[0]))
    let some = (["\(first) IS NULL"] + differs).joined(separator: " OR ")
    let columns =
      oldKeys.map { column("p", $0) } + old.columns.map { column("p", $0) } + [first]
      + new.columns.map { column("q", $0) }
    let went = try connection.prepare(
      "SELECT \(columns.joined(separator: ", ")) FROM \(oldTable) AS p LEFT JOIN \(newTable) AS q ON \(join) "
        + "WHERE (\(condition)) AND (\(some))")
    while try went.step() {
      let key = oldKeys.indices.map { went.value(at: $0) }
      let middle = oldKeys.count + old.columns.count
      let row = RowChange.Row(
        columns: old.columns, values: old.columns.indices.map { went.value(at: oldKeys.count + $0) })
      let isThere = went.storageClass(at: middle) != .null
      let next = RowChange.Row(
        columns: new.columns, values: new.columns.indices.map { went.value(at: middle + 1 + $0) })
      try body(
        RowChange(table: isThere ? new : old, key: key, before: row, after: isThere ? next : nil))
    }
    let came = try connection.prepare(
      "SELECT \((keys + new.columns).map { column("q", $0) }.joined(separator: ", ")) FROM \(newTable) AS q "
        + "WHERE (\(interval.condition(column("q", keys[0])))) AND NOT EXISTS (SELECT 1 FROM \(oldTable) AS p "
        + "WHERE \(join))")
    while try came.step() {
      let row = RowChange.Row(
        columns: new.columns, values: new.columns.indices.map { came.value(at: keys.count + $0) })
      try body(
        RowChange(table: new, key: keys.indices.map { came.value(at: $0) }, before: nil, after: row))
    }
  }

  // MARK: Which rows may differ

  /// A tree at the later moment.
  struct Tree {
    let name: String
    let root: UInt32
    let isTable: Bool
    let walk: TreeWalk
  }

  private lazy var treesFound = Result<[Tree], any Error> {
    guard let to = readers?.to else { return [] }
    return try (after.roots + [("sqlite_schema", 1, true)]).map { name, root, isTable in
      try checkInterrupt()
      return Tree(name: name.lowercased(), root: root, isTable: isTable, walk: try TreeWalk(to, root: root))
    }
  }

  private var trees: [Tree] { get throws { try treesFound.get() } }

  private func isTouched(_ tree: Tree) throws -> Bool {
    guard let changed = readers?.changed else { return true }
    if tree.walk.interiors.contains(where: { changed.contains($0) }) { return true }
    if tree.walk.leaves.contains(where: { changed.contains($0.page) }) { return true }
    return try unexplained().owners[tree.name] != nil
  }

  private func intervals(_ old: TableShape, _ new: TableShape) throws -> [Interval] {
    guard let (from, to, changed) = readers else { return [.everything] }
    guard new.hasRowID else { return try mayDiffer(old, new) ? [.everything] : [] }
    let now = try trees.first { $0.isTable && $0.root == new.root }?.walk ?? TreeWalk(to, root: new.root)
    let then = try TreeWalk(from, root: old.root)
    let (nowPages, thenPages) = (Set(now.leaves.map(\.page)), Set(then.leaves.map(\.page)))
    var found: [Interval] = []
    for leaf in now.leaves where changed.contains(leaf.page) || !thenPages.contains(leaf.page) {
      found.append(Interval(low: leaf.low, high: leaf.high, pages: [leaf.page]))
    }
    for leaf in then.leaves where changed.contains(leaf.page) || !nowPages.contains(leaf.page) {
      found.append(Interval(low: leaf.low, high: leaf.high, pages: [leaf.page]))
    }
    for rowID in try unexplained().owners[new.name.lowercased()] ?? [] {
      found.append(Interval(low: rowID == .min ? nil : rowID - 1, high: rowID))
    }
    return Self.joined(found)
  }

  /// Returns whether a table without rowids may have different rows.
  ///
  /// Its rows lie in interior pages too.
  private func mayDiffer(_ old: TableShape, _ new: TableShape) throws -> Bool {
    guard let (from, to, changed) = readers else { return true }
    let now = try TreeWalk(to, root: new.root)
    let then = try TreeWalk(from, root: old.root)
    let pages = Set(now.interiors + now.leaves.map(\.page))
    if pages != Set(then.interiors + then.leaves.map(\.page)) { return true }
    if pages.contains(where: { changed.contains($0) }) { return true }
    // Long rows continue on overflow pages, and these do not name the row that they belong to.
    return try unexplained().isWithoutOwner
  }

  private static func joined(_ intervals: [Interval]) -> [Interval] {
    let sorted = intervals.sorted { ($0.low ?? .min) < ($1.low ?? .min) || $0.low == nil && $1.low != nil }
    var found: [Interval] = []
    for next in sorted {
      guard var last = found.last, last.high == nil || next.low == nil || (next.low ?? 0) <= (last.high ?? 0)
      else {
        found.append(next)
        continue
      }
      if let high = last.high { last.high = next.high.map { max($0, high) } }
      last.pages += next.pages
      found[found.count - 1] = last
    }
    return found
  }

  // MARK: Overflow pages

  /// Rows whose overflow pages changed although their leaves did not.
  struct Unexplained {
    /// Rowids by the table's name in lower case.
    var owners: [String: [Int64]] = [:]
    /// Whether some page has no known row; it may belong to an index or to a table without rowids.
    var isWithoutOwner = false
  }

  private lazy var unexplainedFound = Result<Unexplained, any Error> { try findOwners() }

  private func unexplained() throws -> Unexplained { try unexplainedFound.get() }

  /// Finds the rows with changed overflow pages.
  ///
  /// The leaf of a row stays the same if another value of the same length replaces a long value.
  private func findOwners() throws -> Unexplained {
    guard let (_, to, changed) = readers else { return Unexplained() }
    var left = Set(changed.filter { $0 <= to.pageCount })
    for tree in try trees {
      left.subtract(tree.walk.interiors)
      left.subtract(tree.walk.leaves.map(\.page))
    }
    guard !left.isEmpty, to.pageCount > 0 else { return Unexplained() }
    left.subtract(try ChangedPages.unused(to))
    // Rows of changed leaves are compared anyway.
    for tree in try trees where tree.isTable {
      for leaf in tree.walk.leaves where changed.contains(leaf.page) {
        for head in try OverflowChains.heads(to, leaf: leaf.page) {
          var page: UInt32? = head.page
          while let next = page, left.remove(next) != nil { page = try OverflowChains.next(to, next) }
        }
      }
    }
    guard !left.isEmpty else { return Unexplained() }
    return try searchOwners(left, to)
  }

  private func searchOwners(_ pages: Set<UInt32>, _ to: PageReader) throws -> Unexplained {
    var left = pages
    var found = Unexplained()
    var heads: [(page: UInt32, rowID: Int64, table: String)] = []
    for tree in try trees where tree.isTable {
      let leaves = tree.walk.leaves.map(\.page)
      for (number, leaf) in leaves.enumerated() {
        try checkInterrupt()
        if number % 256 == 0 {
          to.history.prefetch(leaves[number..<min(number + 512, leaves.count)], at: to.moment.transaction)
        }
        heads += try OverflowChains.heads(to, leaf: leaf).map { ($0.page, $0.rowID, tree.name) }
      }
    }
    heads.sort { $0.page < $1.page }
    var followed: Set<Int> = []
    // Most chains lie in one piece behind their first page. So the nearest lower first page is
    // tried first.
    func follow(_ number: Int) throws {
      guard followed.insert(number).inserted else { return }
      let head = heads[number]
      var page: UInt32? = head.page
      var isOwner = false
      var steps = 0
      while let next = page, steps <= Int(to.pageCount) {
        try checkInterrupt()
        steps += 1
        if left.remove(next) != nil { isOwner = true }
        page = try OverflowChains.next(to, next)
      }
      if isOwner { found.owners[head.table, default: []].append(head.rowID) }
    }
    for page in pages.sorted() where left.contains(page) {
      if let number = heads.lastIndex(where: { $0.page <= page }) { try follow(number) }
    }
    for number in heads.indices where !left.isEmpty { try follow(number) }
    found.isWithoutOwner = !left.isEmpty
    return found
  }
}
