package import Bytes

/// Fields of delimited text, one after the other, each into a buffer of the caller.
///
/// Not thread-safe.
package final class FieldReader {
  /// What ended a field.
  package enum End: Sendable { case column, row, input }

  /// What is wrong with a quoted field, and the line it is wrong on; the field is read nevertheless.
  package enum Flaw: Sendable {
    case unescapedQuote(line: Int)
    case unterminated(line: Int)
  }

  /// Line of the next field, from 1.
  @exclusivity(unchecked) package private(set) var line = 1
  /// What ended the last field.
  @exclusivity(unchecked) package private(set) var end = End.column
  private let reader: StreamReader
  private let column: UInt8
  private let row: UInt8
  private let knowsQuotes: Bool
  @exclusivity(unchecked) private var isFirst = true
  private let complain: (Flaw) -> Void

  /// Makes a reader; `complain` hears of bad quoting.
  ///
  /// With quotes a field may stand in `"…"`, and a CR before the end of the row is dropped.
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

  /// Appends the next field; false at the end of the input.
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
    if knowsQuotes && end == .row && buffer.count > start && buffer[buffer.count - 1] == 0x0d {
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
    // Where both are the same byte, it ends a row, and the column that is looked for is not found.
    end = separator == column ? .column : .row
    if separator == row { line += 1 }
  }

  /// Reads what follows an opening quote.
  private func readQuoted(to buffer: ByteBuffer) {
    let quote: UInt8 = 0x22
    let startLine = line
    var previous: UInt8 = 0
    var beforePrevious: UInt8 = 0
    while true {
      guard let byte = reader.nextByte() else {
        end = .input
        if previous == quote {
          buffer.truncate(to: buffer.count - 1)
        } else {
          complain(.unterminated(line: startLine))
        }
        return
      }
      if byte == row { line += 1 }
      if previous == quote {
        if byte == quote {
          // The second of a pair; the first stands for both.
          previous = 0
          continue
        }
        if byte == column || byte == row {
          end = byte == column ? .column : .row
          buffer.truncate(to: buffer.count - 1)
          return
        }
        if byte != 0x0d { complain(.unescapedQuote(line: line)) }
      } else if byte == row && previous == 0x0d && beforePrevious == quote {
        end = .row
        buffer.truncate(to: buffer.count - 2)
        return
      }
      buffer.append(byte)
      beforePrevious = previous
      previous = byte
    }
  }

  private func skipByteOrderMark() {
    guard reader.end - reader.start >= 3, reader.block[reader.start] == 0xef,
      reader.block[reader.start + 1] == 0xbb, reader.block[reader.start + 2] == 0xbf
    else { return }
    reader.start += 3
  }
}
