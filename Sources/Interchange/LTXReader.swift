internal import Bytes
internal import Compression

/// Reads one LTX file from beginning to end; memory holds the current piece only.
///
/// This target reads and writes Litestream's files. `LTXName` and `LTXChain` find the files of a
/// database, `LTXReader` and `LTXWriter` read and write one. `LTXWriter` describes the format of
/// Litestream 0.5. Content is checked only at the end.
///
///     var reader = try LTXReader(name, size: size) { range in try store.get(key, range: range).bytes }
///     while let page = try reader.next() { try write(page.number, page.bytes) }
package struct LTXReader {
  package let header: LTXHeader
  private let object: String
  private let size: Int
  private let fetch: (Range<Int>) throws -> [UInt8]
  private let piece: Int

  /// Bytes that were fetched and not used yet, and the number of bytes before them.
  private var window: [UInt8]
  private var windowStart = 0
  private var at: Int
  private var checksum = CRC64()
  private var lastPage: UInt32 = 0
  /// The checksum of the whole database; a file may lack it.
  package private(set) var databaseChecksum: UInt64?

  private static let trailerSize = 16

  /// Reads a file of `size` bytes with `fetch`, in pieces of `piece` bytes.
  package init(
    _ object: String, size: Int, piece: Int = 4 << 20, fetch: @escaping (Range<Int>) throws -> [UInt8]
  ) throws {
    self.object = object
    self.size = size
    self.fetch = fetch
    self.piece = max(piece, LTXHeader.size)
    window = try fetch(0..<min(size, self.piece))
    header = try LTXHeader(window, object: object)
    at = LTXHeader.size
    checksum.add(window, 0..<at)
  }

  /// Returns the next page; nil after the last, when the file's checksum was right.
  package mutating func next() throws -> (number: UInt32, bytes: [UInt8])? {
    let start = try take(6)
    let number = window.bigEndian(UInt32.self, at: start)
    let flags = window.bigEndian(UInt16.self, at: start + 4)
    checksum.add(window, start..<start + 6)
    guard number != 0 else {
      try finish()
      return nil
    }
    guard number > lastPage, number <= header.pageCount, number != header.lockPage else {
      throw LTXError(object, "page \(number) is not to be expected after page \(lastPage)")
    }
    lastPage = number
    let page: [UInt8]
    switch flags {
    case 0: throw LTXError(object, "its pages are in the form of an older Litestream, which is not read here")
    case 1:
      let lengthStart = try take(4)
      let length = Int(window.bigEndian(UInt32.self, at: lengthStart))
      checksum.add(window, lengthStart..<lengthStart + 4)
      // An LZ4 block is never much longer than its content.
      guard length <= header.pageSize + header.pageSize / 128 + 64 else {
        throw LTXError(object, "page \(number) would be \(length) bytes long")
      }
      let block = try take(length)
      do throws(CompressionError) {
        page = try LZ4.decompress(window, block..<block + length, size: header.pageSize)
      } catch {
        throw LTXError(object, "page \(number) is damaged: \(error.cause)")
      }
    default: throw LTXError(object, "page \(number) has flags, \(flags), that are not known here")
    }
    checksum.add(page)
    return (number, page)
  }

  /// Reads index and trailer, and checks the file.
  private mutating func finish() throws {
    let indexSize = size - at - Self.trailerSize - 8
    guard indexSize > 0 else { throw LTXError(object, "it is cut short") }
    var left = indexSize
    while left > 0 {
      let count = min(left, 1 << 16)
      let start = try take(count)
      checksum.add(window, start..<start + count)
      left -= count
    }
    let sizeStart = try take(8)
    guard window.bigEndian(UInt64.self, at: sizeStart) == UInt64(indexSize) else {
      throw LTXError(object, "the length of its index is wrong")
    }
    checksum.add(window, sizeStart..<sizeStart + 8)
    let trailer = try take(Self.trailerSize)
    checksum.add(window, trailer..<trailer + 8)
    guard window.bigEndian(UInt64.self, at: trailer + 8) == checksum.value | 1 << 63 else {
      throw LTXError(object, "its checksum is wrong")
    }
    if header.hasDatabaseChecksum { databaseChecksum = window.bigEndian(UInt64.self, at: trailer) }
  }

  /// Returns the index in the window of the next `count` bytes; fetches them if needed.
  private mutating func take(_ count: Int) throws -> Int {
    guard at + count <= size else { throw LTXError(object, "it is cut short") }
    if at + count > windowStart + window.count {
      var rest = [UInt8](window[(at - windowStart)...])
      let start = windowStart + window.count
      let wanted = start..<min(size, start + max(piece, count))
      let bytes = try fetch(wanted)
      guard bytes.count == wanted.count else { throw LTXError(object, "it is cut short") }
      rest += bytes
      window = rest
      windowStart = at
    }
    let start = at - windowStart
    at += count
    return start
  }
}

extension LTXReader {
  /// Returns the contribution of a page, by exclusive or, to the checksum of its database.
  package static func pageChecksum(_ page: [UInt8], number: UInt32) -> UInt64 {
    var checksum = CRC64()
    var head: [UInt8] = []
    head.appendBigEndian(number)
    checksum.add(head)
    checksum.add(page)
    return checksum.value | 1 << 63
  }
}
