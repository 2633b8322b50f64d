internal import Bytes
internal import Files

/// The error of an unreadable archive.
struct ZipError: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

/// The source of an archive's bytes.
enum ZipSource {
  case bytes([UInt8])
  case file(File)

  var size: Int {
    switch self {
    case .bytes(let bytes): bytes.count
    case .file(let file): (try? file.size()) ?? 0
    }
  }

  /// Returns the bytes at an offset; throws if they are not all there.
  func read(at offset: Int, count: Int) throws(ZipError) -> [UInt8] {
    // The declared size is compared with the real one before memory is taken.
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw ZipError("error in fread()")
    }
    switch self {
    case .bytes(let bytes): return Array(bytes[offset..<(offset + count)])
    case .file(let file):
      guard let bytes = try? file.read(at: offset, count: count), bytes.count == count else {
        throw ZipError("error in fread()")
      }
      return bytes
    }
  }
}

/// The end of an archive, which has the position of its directory.
struct ZipEnd {
  static let size = 22
  /// A comment may follow the end; the end is searched in this many bytes.
  private static let reach = 64 << 10
  private static let mark: [UInt8] = [0x50, 0x4b, 5, 6]

  var count: UInt16 = 0
  var directorySize: UInt32 = 0
  var directoryOffset: UInt32 = 0

  init() {}

  init(_ source: ZipSource) throws(ZipError) {
    let size = source.size
    let length = min(size, Self.reach)
    let bytes = try source.read(at: size - length, count: length)
    var at = length - 20
    while at >= 0 && !bytes[at...].starts(with: Self.mark) { at -= 1 }
    guard at >= 0, at + 20 <= length else { throw ZipError("cannot find end of central directory record") }
    count = bytes.littleEndian(at: at + 8)
    directorySize = bytes.littleEndian(at: at + 12)
    directoryOffset = bytes.littleEndian(at: at + 16)
  }

  func append(to bytes: inout [UInt8]) {
    bytes += Self.mark
    for value in [0, 0, count, count] { bytes.appendLittleEndian(value) }
    bytes.appendLittleEndian(directorySize)
    bytes.appendLittleEndian(directoryOffset)
    bytes.appendLittleEndian(UInt16(0))
  }

  /// Returns all entries of an archive's directory.
  static func entries(of source: ZipSource) throws(ZipError) -> [ZipEntry] {
    let end = try ZipEnd(source)
    var entries: [ZipEntry] = []
    var at = Int(end.directoryOffset)
    for _ in 0..<end.count {
      let entry = try ZipEntry(source, at: at)
      at += entry.length
      entries.append(entry)
    }
    return entries
  }
}
