internal import Bytes
internal import Files
internal import SQLite

/// `zipfile(ARCHIVE)`: members of a ZIP archive, a file or a blob
/// (https://www.sqlite.org/zipfile.html).
final class ZipTable: VirtualTable {
  override class var declaration: String {
    "CREATE TABLE y(name PRIMARY KEY,mode,mtime,sz,rawdata,data,method,z HIDDEN) WITHOUT ROWID"
  }
  override class var trust: Trust { .directOnly }

  /// The archive's file, if the table was created for one.
  private(set) var file: [UInt8]?
  /// The archive while a transaction changes it.
  var writer: ZipWriter?
  private var cursorCount: Int64 = 0
  private var cursors: [Int64: Weak] = [:]

  private struct Weak { weak var cursor: ZipCursor? }

  override func connect() throws(VirtualTableError) {
    let words = connection.words
    guard words.count == 1 || words.isEmpty && connection.tableName.lowercased() == "zipfile" else {
      throw VirtualTableError("zipfile constructor requires one argument")
    }
    file = words.first.map(Self.unquoted)
  }

  /// Removes the quotes of a word.
  private static func unquoted(_ word: [UInt8]) -> [UInt8] {
    guard let first = word.first, "\"'`[".utf8.contains(first) else { return word }
    let close = first == UInt8(ascii: "[") ? UInt8(ascii: "]") : first
    var text: [UInt8] = []
    var at = 1
    while at < word.count {
      if word[at] == close {
        guard at + 1 < word.count, word[at + 1] == close else { break }
        at += 1
      }
      text.append(word[at])
      at += 1
    }
    return text
  }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var isWanted = false
    plan.setCost(1000)
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard constraint.column == 7, constraint.isEquality else { continue }
      guard constraint.isUsable else {
        isWanted = true
        continue
      }
      plan.use(index, asArgument: 0, isTrusted: true)
      return plan.setNumber(1)
    }
    // Another order of the tables may know the archive.
    if isWanted { throw VirtualTableError(.constraint) }
  }

  override func makeCursor() -> VirtualTableCursor {
    cursorCount += 1
    let cursor = ZipCursor(of: self, number: cursorCount)
    cursors = cursors.filter { $0.value.cursor != nil }
    cursors[cursorCount] = Weak(cursor: cursor)
    return cursor
  }

  // MARK: zipfile_cds(Z)

  override func answers(to function: String) -> Bool { function.lowercased() == "zipfile_cds" }

  override func call(_ arguments: Arguments, _ result: FunctionResult) {
    guard arguments.count > 0, let entry = cursors[arguments[0].integer]?.cursor?.entry else { return }
    result.set(text: entry.description)
  }

  // MARK: Writing

  override func begin() throws(VirtualTableError) {
    guard let file else { throw VirtualTableError("zipfile: missing filename") }
    writer = try ZipWriter(file)
  }

  override func commit() throws(VirtualTableError) {
    guard let writer else { return }
    self.writer = nil
    try writer.finish()
  }

  /// Keeps written members, as sqlite3 does.
  override func rollBack() throws(VirtualTableError) { try commit() }

  override func update(_ values: Arguments, _ conflict: ConflictPolicy) throws(VirtualTableError) {
    if writer == nil { try begin() }
    try writer?.update(values, conflict)
  }
}

/// A cursor over the directory of an archive.
final class ZipCursor: VirtualTableCursor {
  private let table: ZipTable
  private let number: Int64
  private var source: ZipSource?
  private var entries: [ZipEntry] = []
  private var position = 0
  /// The position of the next entry in the file, if it is read entry by entry.
  private var directory: Range<Int>?
  private(set) var entry: ZipEntry? { didSet { isAtEnd = entry == nil } }

  init(of table: ZipTable, number: Int64) {
    self.table = table
    self.number = number
  }

  override func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    entry = nil
    entries = []
    position = 0
    directory = nil
    let name: [UInt8]
    if let file = table.file {
      name = file
    } else if plan == 0 {
      throw VirtualTableError("zipfile() function requires an argument")
    } else if arguments[0].storageClass == .blob {
      let bytes = ZipSource.bytes(arguments[0].withBlob { Array($0) })
      source = bytes
      do throws(ZipError) { entries = try ZipEnd.entries(of: bytes) } catch {
        throw VirtualTableError(error.message)
      }
      return try next()
    } else {
      name = arguments[0].cText ?? []
    }
    if let writer = table.writer {
      source = writer.source
      entries = writer.entries
      return try next()
    }
    guard let file = File(named: name, .read) else {
      throw VirtualTableError("cannot open file: \(String(preserving: name))")
    }
    let archive = ZipSource.file(file)
    source = archive
    // An empty file is an archive without members, like a new one.
    guard archive.size > 0 else { return }
    do throws(ZipError) {
      let end = try ZipEnd(archive)
      guard end.count > 0 else { return }
      directory = Int(end.directoryOffset)..<(Int(end.directoryOffset) + Int(end.directorySize))
    } catch {
      throw VirtualTableError(error.message)
    }
    try next()
  }

  override func next() throws(VirtualTableError) {
    guard let range = directory, let source else {
      entry = position < entries.count ? entries[position] : nil
      position += 1
      return
    }
    guard !range.isEmpty else { return entry = nil }
    do throws(ZipError) {
      let found = try ZipEntry(source, at: range.lowerBound)
      let next = range.lowerBound + found.length
      directory = next..<max(next, range.upperBound)
      entry = found
    } catch {
      entry = nil
      throw VirtualTableError(error.message)
    }
  }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard let entry else { return }
    switch column {
    case 0: result.set(text: entry.name)
    case 1: result.set(Int64(entry.mode))
    case 2: result.set(Int64(entry.modified))
    case 3: if !result.isForNoChange { result.set(Int64(entry.size)) }
    case 4: if !result.isForNoChange { giveContent(of: entry, isRaw: true, result) }
    case 5: if entry.method == 0 || entry.method == 8 { giveContent(of: entry, isRaw: false, result) }
    case 6: result.set(Int64(entry.method))
    case 7: result.set(number)
    default: break
    }
  }

  private func giveContent(of entry: ZipEntry, isRaw: Bool, _ result: FunctionResult) {
    guard entry.size > 0 else {
      // A folder has no content, not even an empty one.
      let isFolder = entry.mode & FileStatus.folder != 0 || entry.name.last == UInt8(ascii: "/")
      return isFolder ? () : result.set(blob: [])
    }
    let isPacked = !isRaw && entry.method != 0
    guard let source, Int(isPacked ? entry.size : entry.storedSize) <= result.greatestLength else {
      return result.setTooBig()
    }
    do throws(ZipError) {
      let stored = try source.read(at: entry.contentOffset, count: Int(entry.storedSize))
      result.set(blob: isPacked ? try ZipContent.inflated(stored, size: Int(entry.size)) : stored)
    } catch {
      result.fail(error.message)
    }
  }
}
