package import Bytes

/// Reads fields of delimited text, one after the other, into the caller's buffer.
///
/// Not thread-safe.
package final class FieldReader {
  /// The end of a field.
  package enum End: Sendable { case column, row, input }

  /// The fault of a quoted field, and its line; the field is read nevertheless.
  package enum Flaw: Sendable {
    case unescapedQuote(line: Int)
    case unterminated(line: Int)
  }

  /// The line of the next field, from 1.
  @exclusivity(unchecked) package private(set) var line = 1
  /// The end of the last field.
  @exclusivity(unchecked) package private(set) var end = End.column
  /// Whether another field of the same row follows.
  package var endsColumn: Bool { if case .column = end { true } else { false } }
  /// Whether nothing follows.
  package var endsInput: Bool { if case .input = end { true } else { false } }
  private let reader: StreamReader
  private let column: UInt8
  private let row: UInt8
  private let knowsQuotes: Bool
  @exclusivity(unchecked) private var isFirst = true
  private let complain: (Flaw) -> Void

  /// Makes a reader; `complain` gets faults of quoting.
  ///
  /// With quotes, a field may stand in `"…"`, and a CR before the end of the row is dropped.
  package init(
    _ reader: StreamReader, column: UInt8, row: UInt8, knowsQuotes: Bool,
    complain: @escaping (Flaw) -> Void
  ) {
    self.reader = reader
    self.column = column
    self.row = row
    self.knowsQuotes = knowsQuotes
    self.complain = complain
  }

  /// Appends the next field; returns false at the end of the input.
  package func next(to buffer: ByteBuffer) -> Bool {
    guard reader.start < reader.end || reader.fill() else {
      end = .input
      return false
    }
    defer { isFirst = false }
    if knowsQuotes {
      if isFirst { skipByteOrderMark() }
      if reader.start < reader.end && reader.block[reader.start] == 0x22 {
        reader.start += 1
        readQuoted(to: buffer)
        return true
      }
    }
    let start = buffer.count
    readPlain(to: buffer)
    if knowsQuotes, case .row = end, buffer.count > start, buffer[buffer.count - 1] == 0x0d {
      buffer.truncate(to: buffer.count - 1)
    }
    return true
  }

  private func readPlain(to buffer: ByteBuffer) {
    let (column, row) = (column, row)
    while true {
      let block = reader.block
      let limit = reader.end
      var at = reader.start
      while at < limit && block[at] != column && block[at] != row { at += 1 }
      buffer.append(UnsafeRawPointer(block + reader.start), at - reader.start)
      reader.start = at
      if at < limit {
        reader.start += 1
        finish(block[at])
        return
      }
      guard reader.fill() else {
        end = .input
        return
      }
    }
  }

  private func finish(_ separator: UInt8) {
    // If both are the same byte, it ends a row.
    end = separator == column ? .column : .row
    if separator == row { line += 1 }
  }

  /// Reads the text after an opening quote.
  private func readQuoted(to buffer: ByteBuffer) {
    let startLine = line
    while let byte = copyRun(to: buffer) {
      if byte == row {
        line += 1
        buffer.append(byte)
      } else if endsField(after: buffer) {
        return
      }
    }
    end = .input
    complain(.unterminated(line: startLine))
  }

  /// Copies up to the next quote or end of a row, and takes that byte; nil at the end of the input.
  private func copyRun(to buffer: ByteBuffer) -> UInt8? {
    let row = row
    while reader.start < reader.end || reader.fill() {
      let block = reader.block
      let limit = reader.end
      var at = reader.start
      while at < limit && block[at] != 0x22 && block[at] != row { at += 1 }
      buffer.append(UnsafeRawPointer(block + reader.start), at - reader.start)
      reader.start = at
      if at < limit {
        reader.start += 1
        return block[at]
      }
    }
    return nil
  }

  /// Reads the byte after a quote inside a quoted field; returns true if the quote was the closing
  /// one.
  private func endsField(after buffer: ByteBuffer) -> Bool {
    guard let next = reader.nextByte() else {
      end = .input
      return true
    }
    if next == 0x22 {
      // The first quote of a pair stands for both.
      buffer.append(next)
      return false
    }
    if next == column || next == row {
      finish(next)
      return true
    }
    buffer.append(0x22)
    guard next == 0x0d else {
      complain(.unescapedQuote(line: line))
      reader.start -= 1
      return false
    }
    guard let second = reader.nextByte() else {
      buffer.append(next)
      return false
    }
    if second == row {
      buffer.truncate(to: buffer.count - 1)
      finish(second)
      return true
    }
    buffer.append(next)
    reader.start -= 1
    return false
  }

  private func skipByteOrderMark() {
    guard reader.end - reader.start >= 3, reader.block[reader.start] == 0xef,
      reader.block[reader.start + 1] == 0xbb, reader.block[reader.start + 2] == 0xbf
    else { return }
    reader.start += 3
  }
}
