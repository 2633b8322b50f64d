/// The cells of a table, each broken into its lines, one after the other in a single buffer.
///
/// Every line is two varints (its length and whether another line follows; its width) and its
/// bytes. Width is counted in code points, as in sqlite3.
package final class CellStore {
  private let store: ByteBuffer
  private let line = ByteBuffer(capacity: 256)

  package init(capacity: Int = 4096) { store = ByteBuffer(capacity: capacity) }

  /// The size of an added cell.
  package struct Extent {
    /// Width of its widest line.
    package let width: Int
    package let isMultiLine: Bool
  }

  /// Adds a cell.
  ///
  /// `wrap` is the maximum width of a line in characters, 0 for no limit. At most `lines` lines are
  /// kept.
  package func add(
    _ text: UnsafePointer<UInt8>, _ count: Int, wrap: Int, wordWrap: Bool, lines most: Int = .max
  ) -> Extent {
    if wrap == 0 || count < wrap || (count == wrap && !wordWrap), isPrintableASCII(text, count) {
      begin(length: count, width: count, isLast: true)
      store.append(UnsafeRawPointer(text), count)
      return Extent(width: count, isMultiLine: false)
    }
    var at = 0
    var widest = 0
    var lines = 0
    repeat {
      let width = takeLine(text, count, &at, limit: wrap == 0 ? .max : wrap, wordWrap)
      widest = max(widest, width)
      lines += 1
      begin(length: line.count, width: width, isLast: at >= count || lines == most)
      store.append(line)
    } while at < count && lines < most
    return Extent(width: widest, isMultiLine: lines > 1)
  }

  /// Adds a cell given as text.
  package func add(_ text: [UInt8], wrap: Int, wordWrap: Bool, lines most: Int = .max) -> Extent {
    (text + [0]).withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return Extent(width: 0, isMultiLine: false) }
      return add(start, text.count, wrap: wrap, wordWrap: wordWrap, lines: most)
    }
  }

  /// Adds a number, which is never wrapped unless it is wider than `wrap`.
  package func add(_ number: Int64, wrap: Int, wordWrap: Bool) -> Extent {
    line.removeAll()
    line.append(decimal: number)
    let count = line.count
    guard wrap == 0 || count < wrap || (count == wrap && !wordWrap) else {
      return add(line.bytes, wrap: wrap, wordWrap: wordWrap)
    }
    begin(length: count, width: count, isLast: true)
    store.append(line)
    return Extent(width: count, isMultiLine: false)
  }

  // MARK: Reading

  /// Appends the line at `cursor`, padded with blanks to `width`, and moves `cursor` behind it.
  ///
  /// Returns true if another line of the same cell follows.
  package func appendLine(
    at cursor: inout Int, to out: ByteBuffer, width: Int, _ alignment: Alignment
  ) -> Bool {
    let header = varint(&cursor)
    let fill = width - varint(&cursor)
    let before: Int
    switch alignment {
    case .left: before = 0
    case .right: before = fill
    case .center: before = fill / 2
    }
    let length = header >> 1
    out.append(repeating: 0x20, count: before)
    out.append(store, cursor..<cursor + length)
    out.append(repeating: 0x20, count: fill - before)
    cursor += length
    return header & 1 != 0
  }

  /// Moves a cursor from the start of a cell behind its last line.
  package func skipCell(_ cursor: inout Int) {
    while true {
      let header = varint(&cursor)
      _ = varint(&cursor)
      cursor += header >> 1
      if header & 1 == 0 { return }
    }
  }

  /// The position of the blanks in a line that is narrower than its column.
  package enum Alignment: Sendable { case left, right, center }

  // MARK: Writing

  private func begin(length: Int, width: Int, isLast: Bool) {
    append(varint: length << 1 | (isLast ? 0 : 1))
    append(varint: width)
  }

  private func append(varint value: Int) {
    var rest = UInt(value)
    while rest >= 0x80 {
      store.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    store.append(UInt8(rest))
  }

  private func varint(_ at: inout Int) -> Int {
    let first = store[at]
    if first < 0x80 {
      at += 1
      return Int(first)
    }
    var value = 0
    var shift = 0
    while true {
      let byte = store[at]
      at += 1
      value |= Int(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
  }

  private func isPrintableASCII(_ text: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var all = true
    for at in 0..<count { all = text[at] >= 0x20 && text[at] < 0x80 && all }
    return all
  }

  /// Puts the next line of a cell into `line`, and moves `at` to the start of the line after it.
  ///
  /// A control character other than a tab ends the line; tabs become blanks up to the next multiple
  /// of 8.
  private func takeLine(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ at: inout Int, limit: Int, _ wordWrap: Bool
  ) -> Int {
    line.removeAll()
    let start = at
    var end = start
    var width = 0
    while end < count && width < limit {
      let byte = text[end]
      if byte == 0x09 {
        end += 1
        repeat { width += 1 } while width % 8 != 0 && width < limit
      } else if byte >= 0x20 {
        width += 1
        end += 1
        while end < count && text[end] & 0xc0 == 0x80 { end += 1 }
      } else {
        break
      }
    }
    let breakAt = wordWrap && width >= limit ? wordEnd(text, start, end, of: count) : nil
    if let breakAt { end = breakAt }
    width = copyLine(text, start, end, limit)
    at = end
    if breakAt != nil {
      while at < count && text[at] == 0x20 { at += 1 }
    }
    if at < count && text[at] < 0x20 {
      at += text[at] == 0x0d && at + 1 < count && text[at + 1] == 0x0a ? 2 : 1
    }
    return width
  }

  private func copyLine(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ limit: Int) -> Int {
    var width = 0
    for at in start..<end {
      let byte = text[at]
      if byte == 0x09 {
        repeat {
          width += 1
          line.append(0x20)
        } while width % 8 != 0 && width < limit
      } else {
        line.append(byte)
        if byte & 0xc0 != 0x80 { width += 1 }
      }
    }
    return width
  }

  /// Returns the position at which to break a line of `start..<end` so that words stay whole.
  ///
  /// Returns nil if the second half of the line has no such position.
  private func wordEnd(_ text: UnsafePointer<UInt8>, _ start: Int, _ end: Int, of count: Int) -> Int? {
    let half = start + (end - start) / 2
    var at = end
    while at > half {
      if isSpace(text[at - 1]) { return at }
      at -= 1
    }
    at = end
    while at > half {
      let next = at < count ? text[at] : 0
      if isWordByte(text[at - 1]) != isWordByte(next) && next & 0xc0 != 0x80 { return at }
      at -= 1
    }
    return nil
  }

  private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }

  private func isWordByte(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
  }
}
