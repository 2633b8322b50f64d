internal import Bytes
internal import SQLite

/// Writes cells with separators between them, each in the form of its mode.
struct DelimitedRenderer: RowRenderer {
  private let options: RenderOptions
  private let quoting: Quoting
  private var showsHeader: Bool

  init(_ options: RenderOptions, _ quoting: Quoting) {
    self.options = options
    self.quoting = quoting
    showsHeader = options.headers && !options.followsProgram
  }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if showsHeader {
      showsHeader = false
      for column in 0..<statement.columnCount {
        if column > 0 { out.append(options.columnSeparator) }
        out.append(statement.columnName(at: column), as: quoting, separator: options.columnSeparator)
      }
      out.append(options.rowSeparator)
    }
    statement.appendRow(
      as: quoting, null: options.nullValue, separator: options.columnSeparator, to: out)
    out.append(options.rowSeparator)
    sink.rowEnded()
  }
}

/// Writes cells as literals of SQL with separators between them.
struct QuoteRenderer: RowRenderer {
  private let options: RenderOptions
  private var showsHeader: Bool

  init(_ options: RenderOptions) {
    self.options = options
    showsHeader = options.headers && !options.followsProgram
  }

  mutating func row(_ statement: Statement, to sink: Sink) {
    let out = sink.buffer
    if showsHeader {
      showsHeader = false
      for column in 0..<statement.columnCount {
        if column > 0 { out.append(options.columnSeparator) }
        out.append(statement.columnName(at: column), as: .sql)
      }
      out.append(options.rowSeparator)
    }
    statement.appendLiterals(style: .plain, separator: options.columnSeparator, to: out)
    out.append(options.rowSeparator)
    sink.rowEnded()
  }
}
