internal import CReadline

/// The position of each character of a prompt and a line on the screen.
///
/// It follows readline's layout: a character that does not fit begins the next row, and so does the
/// one after a full row. Control characters take two columns, and tabs go to the next eighth.
struct LineLayout {
  /// One character of the line on the screen, with its combining characters.
  struct Cell {
    var row: Int
    var column: Int
    /// The columns that it takes.
    var width: Int
    /// The first byte of the line that it shows.
    var index: Int
    /// The bytes that are written for it.
    var text: ArraySlice<UInt8>
  }

  private(set) var cells: [Cell] = []
  /// The position of the cursor.
  private(set) var cursor = (row: 0, column: 0)
  /// The number of rows, including the cursor's.
  private(set) var rows = 1
  private let width: Int
  private var row = 0
  private var column = 0

  /// Lays out a prompt, whose invisible parts are between bytes 1 and 2, and a line after it.
  ///
  /// Fails (nil) if the layout is uncertain: bytes that are not text, characters of unknown width.
  init?(prompt: [UInt8], line: [UInt8], point: Int, width: Int) {
    guard width > 2 else { return nil }
    self.width = width
    guard layOut(prompt: prompt[(prompt.lastIndex(of: 10).map { $0 + 1 } ?? 0)...]) else { return nil }
    cells.reserveCapacity(line.count)
    var at = 0
    while at < line.count {
      if at == point { cursor = (row, column) }
      let byte = line[at]
      switch byte {
      case 10:
        row += 1
        column = 0
        at += 1
      case 9:
        for _ in 0..<8 - column % 8 { put(at, [32], 1) }
        at += 1
      case 0..<32, 127:
        put(at, [0x5e], 1)
        put(at, [byte == 127 ? 0x3f : byte + 64], 1)
        at += 1
      case 32..<127:
        put(at, line[at...at], 1)
        at += 1
      default:
        guard let (count, columns) = Self.measure(line[at...]) else { return nil }
        if columns == 0 {
          guard let last = cells.last, last.row == row || last.row == row - 1 && column == 0,
            last.text.endIndex == at
          else { return nil }
          cells[cells.count - 1].text = line[last.text.startIndex..<at + count]
        } else {
          put(at, line[at..<at + count], columns)
        }
        at += count
      }
    }
    if point >= line.count { cursor = (row, column) }
    rows = row + 1
  }

  private mutating func put(_ index: Int, _ text: ArraySlice<UInt8>, _ columns: Int) {
    if column + columns > width { wrap() }
    cells.append(Cell(row: row, column: column, width: columns, index: index, text: text))
    column += columns
    if column >= width { wrap() }
  }

  private mutating func wrap() {
    row += 1
    column = 0
  }

  private mutating func layOut(prompt: ArraySlice<UInt8>) -> Bool {
    var at = prompt.startIndex
    var isSeen = true
    while at < prompt.endIndex {
      let byte = prompt[at]
      var (count, columns) = (1, 1)
      switch byte {
      case 1: (isSeen, columns) = (false, 0)
      case 2: (isSeen, columns) = (true, 0)
      case _ where !isSeen: columns = 0
      case 0..<32, 127: return false
      case 128...:
        guard let measure = Self.measure(prompt[at...]) else { return false }
        (count, columns) = measure
      default: break
      }
      if column + columns > width { wrap() }
      column += columns
      if column >= width { wrap() }
      at += count
    }
    return true
  }

  /// Returns the bytes and columns of a text's first character; nil if it has no width.
  private static func measure(_ text: ArraySlice<UInt8>) -> (bytes: Int, columns: Int)? {
    var columns: Int32 = -1
    let count = text.withUnsafeBytes {
      creadline_measure($0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), &columns)
    }
    return count > 0 && columns >= 0 ? (Int(count), Int(columns)) : nil
  }
}
