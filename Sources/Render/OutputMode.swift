internal import Bytes
internal import SQLite

/// A form of rows, by the names of `.mode`.
///
/// This target turns rows into text, and knows neither Shell nor standard output. `OutputMode`
/// chooses a `RowRenderer`; `RenderOptions` has the settings; a `Sink` takes the bytes.
///
/// `tabs` and `qbox` are only names for settings: `adjust` turns them into `list` and `box`.
/// `explain` and `queryPlan` are not chosen by name, but by `.explain` and by the kind of
/// statement.
package enum OutputMode: String, CaseIterable, Sendable {
  // In the order in which a shortened name is searched.
  case line, column, list, html, tcl, csv, tabs, insert, quote, ascii
  case markdown, table, box, qbox, count, off, json
  case explain
  case queryPlan = "eqp"

  /// The modes that can be chosen by name.
  package static var choices: [OutputMode] { allCases.filter { $0 != .explain && $0 != .queryPlan } }

  /// Whether `.mode` prints wrap and quote settings with it.
  package var isColumnar: Bool { [.column, .markdown, .table, .box, .qbox].contains(self) }

  /// Applies the settings of `.mode` with this name.
  package func adjust(_ options: inout RenderOptions) {
    options.mode = self
    switch self {
    case .line: options.rowSeparator = Array("\n".utf8)
    case .column:
      if !options.headersWereSet { options.headers = true }
      options.rowSeparator = Array("\n".utf8)
      options.style = .chosenByMode
    case .list: options.setSeparators("|", "\n")
    case .tcl: options.setSeparators(" ", "\n")
    case .csv: options.setSeparators(",", "\r\n")
    case .quote: options.setSeparators(",", "\n")
    case .ascii: options.setSeparators("\u{1f}", "\u{1e}")
    case .tabs:
      options.mode = .list
      options.columnSeparator = Array("\t".utf8)
    case .markdown, .table, .box: options.style = .chosenByMode
    case .qbox:
      options.mode = .box
      options.style = ColumnStyle(wrap: 60, quote: true)
    case .insert: options.insertTable = "table"
    case .html, .count, .off, .json, .explain, .queryPlan: break
    }
  }

  /// Makes the renderer of one result in this mode.
  package func renderer(_ options: RenderOptions) -> any RowRenderer {
    switch self {
    case .list, .tabs, .ascii: DelimitedRenderer(options, .plain)
    case .csv: DelimitedRenderer(options, .csv)
    case .tcl: DelimitedRenderer(options, Dialect.current.keepsUTF8 ? .cStringUTF8 : .cString)
    case .quote: QuoteRenderer(options)
    case .insert: InsertRenderer(options)
    case .json: JSONRenderer(options)
    case .html: HTMLRenderer(options)
    case .line: LineRenderer(options)
    case .column: ColumnarRenderer(options, .column, showsNames: options.headers)
    case .markdown: ColumnarRenderer(options, .markdown)
    case .table: ColumnarRenderer(options, .table)
    case .box, .qbox: ColumnarRenderer(options, .box)
    case .count: CountRenderer()
    case .off: SilentRenderer()
    case .explain: ExplainRenderer(options)
    case .queryPlan: QueryPlanRenderer()
    }
  }
}

extension RenderOptions {
  /// Sets both separators at once.
  package mutating func setSeparators(_ column: String, _ row: String) {
    columnSeparator = Array(column.utf8)
    rowSeparator = Array(row.utf8)
  }
}
