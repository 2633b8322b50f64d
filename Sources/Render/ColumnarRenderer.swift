internal import Bytes
internal import SQLite

/// Keeps all rows, and lays them out in columns at the end.
///
/// The rows are in one buffer, already broken into lines. A cell costs its text and a few bytes.
struct ColumnarRenderer: RowRenderer {
  private let options: RenderOptions
  private let border: Border
  /// Whether column names are shown.
  private let showsNames: Bool
  private var columns: [Column] = []
  private let names = CellStore(capacity: 256)
  private let cells = CellStore(capacity: 64 << 10)
  private let scratch = ByteBuffer()
  private var rows = 0
  private var isMultiLine = false

  private struct Column {
    /// The maximum width of a line, in characters; 0 for no limit.
    let wrap: Int
    var width: Int
    let alignment: CellStore.Alignment
  }

  init(_ options: RenderOptions, _ border: Border, showsNames: Bool = true) {
    self.options = options
    self.border = border
    self.showsNames = showsNames
  }

  mutating func row(_ statement: Statement, to sink: Sink) {
    if rows == 0 { beginColumns(statement) }
    rows += 1
    for column in columns.indices {
      let extent =
        options.escape != .off
        ? addEscaped(statement, column)
        : statement.addCell(
          at: column, quote: options.style.quote, null: options.nullValue, wrap: columns[column].wrap,
          wordWrap: options.style.wordWrap, scratch: scratch, to: cells)
      if extent.width > columns[column].width { columns[column].width = extent.width }
      if extent.isMultiLine { isMultiLine = true }
    }
  }

  /// Adds a cell without control characters.
  ///
  /// Only text has them, and blobs that are shown as text.
  private func addEscaped(_ statement: Statement, _ column: Int) -> CellStore.Extent {
    let kind = statement.storageClass(at: column)
    let isQuoted = options.style.quote
    guard kind == .text || kind == .blob && !isQuoted else {
      return statement.addCell(
        at: column, quote: isQuoted, null: options.nullValue, wrap: columns[column].wrap,
        wordWrap: options.style.wordWrap, scratch: scratch, to: cells)
    }
    scratch.removeAll()
    if isQuoted {
      statement.appendLiteral(at: column, style: .plain, to: scratch)
    } else {
      statement.appendCell(at: column, as: .plain, null: [], to: scratch)
    }
    options.escape.apply(to: scratch)
    return cells.add(scratch.bytes, wrap: columns[column].wrap, wordWrap: options.style.wordWrap)
  }

  mutating func end(to sink: Sink) {
    guard rows > 0 else { return }
    appendRule(border.top, to: sink.buffer)
    if showsNames {
      var cursor = 0
      appendRow(names, &cursor, centered: border.centersNames, to: sink)
      appendRule(border.belowNames, to: sink.buffer)
    }
    var cursor = 0
    for row in 0..<rows {
      if row > 0 && isMultiLine { appendRule(border.betweenRows, to: sink.buffer) }
      appendRow(cells, &cursor, centered: false, to: sink)
      sink.rowEnded()
    }
    appendRule(border.bottom, to: sink.buffer)
  }

  /// Returns a width that a line in memory can have.
  ///
  /// The minimum integer counts as none, as in sqlite3, which cannot negate it.
  private static func bounded(_ width: Int) -> Int {
    width == Int(Int32.min) ? 0 : min(max(width, -widest), widest)
  }
  private static let widest = 10_000_000

  private mutating func beginColumns(_ statement: Statement) {
    for index in 0..<statement.columnCount {
      let wanted = index < options.widths.count ? Self.bounded(options.widths[index]) : 0
      let wrap = abs(wanted == 0 ? options.style.wrap : wanted)
      let name = ByteBuffer()
      name.append(statement.columnName(at: index).preservedBytes)
      options.escape.apply(to: name)
      let extent = names.add(
        name.bytes, wrap: wrap, wordWrap: options.style.wordWrap,
        lines: 1)
      columns.append(
        Column(wrap: wrap, width: max(abs(wanted), extent.width), alignment: wanted < 0 ? .right : .left))
    }
  }

  /// Appends the row at `cursor`, in as many lines as its highest cell has, and moves `cursor`
  /// behind it.
  private func appendRow(
    _ store: CellStore, _ cursor: inout Int, centered: Bool, to sink: Sink
  ) {
    let out = sink.buffer
    // The start of the next line of each cell, -1 for none; only for a row of several lines.
    var pending: [Int] = []
    out.append(border.left)
    for (index, column) in columns.enumerated() {
      if index > 0 { out.append(border.between) }
      let alignment = centered ? .center : column.alignment
      let hasMore = store.appendLine(at: &cursor, to: out, width: column.width, alignment)
      if hasMore {
        if pending.isEmpty { pending = Array(repeating: -1, count: columns.count) }
        pending[index] = cursor
        store.skipCell(&cursor)
      }
    }
    out.append(border.right)
    while pending.contains(where: { $0 >= 0 }) {
      out.append(border.left)
      for (index, column) in columns.enumerated() {
        if index > 0 { out.append(border.between) }
        if pending[index] < 0 {
          out.append(repeating: UInt8(ascii: " "), count: column.width)
        } else if !store.appendLine(at: &pending[index], to: out, width: column.width, column.alignment) {
          pending[index] = -1
        }
      }
      out.append(border.right)
    }
  }

  private func appendRule(_ rule: Border.Rule?, to out: ByteBuffer) {
    guard let rule else { return }
    out.append(rule.left)
    for (index, column) in columns.enumerated() {
      if index > 0 { out.append(rule.cross) }
      for _ in 0..<column.width + border.padding { out.append(rule.fill) }
    }
    out.append(rule.right)
  }
}
