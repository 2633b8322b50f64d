internal import Bytes

/// The directory entry of one member of a ZIP archive
/// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT).
struct ZipEntry {
  static let fixedSize = 46
  static let localFixedSize = 30
  static let signature: UInt32 = 0x0201_4b50
  static let localSignature: UInt32 = 0x0403_4b50
  /// Extra field with a time in seconds since 1970.
  private static let timeField: UInt16 = 0x5455

  var madeBy: UInt16 = 3 << 8 | 30
  var neededVersion: UInt16 = 20
  /// Bit 11: the name is UTF-8.
  var flags: UInt16 = 0x800
  var method: UInt16
  var time: UInt16
  var date: UInt16
  var checksum: UInt32
  var storedSize: UInt32
  var size: UInt32
  var disk: UInt16 = 0
  var internalAttributes: UInt16 = 0
  var attributes: UInt32
  /// The offset at which the member begins.
  var offset: UInt32
  var name: [UInt8]
  var extra: [UInt8]
  var comment: [UInt8] = []
  /// Seconds since 1970.
  var modified: UInt32
  /// The offset at which the member's content begins.
  var contentOffset = 0

  var mode: UInt32 { attributes >> 16 }

  /// A new entry for a member.
  init(name: [UInt8], mode: UInt32, modified: Int64, content: ZipContent, at offset: UInt32) {
    self.name = name
    self.modified = UInt32(truncatingIfNeeded: modified)
    (date, time) = Self.date(of: self.modified)
    method = content.method
    checksum = content.checksum
    storedSize = UInt32(truncatingIfNeeded: content.stored.count)
    size = UInt32(truncatingIfNeeded: content.size)
    attributes = mode << 16
    self.offset = offset
    extra = []
    extra.appendLittleEndian(Self.timeField)
    extra.appendLittleEndian(UInt16(5))
    extra.append(1)
    extra.appendLittleEndian(self.modified)
    contentOffset = Int(offset) + Self.localFixedSize + name.count + extra.count
  }

  /// Reads the entry at an offset, and the head of its member.
  init(_ source: ZipSource, at offset: Int) throws(ZipError) {
    let head = try source.read(at: offset, count: Self.fixedSize)
    guard head.littleEndian(UInt32.self, at: 0) == Self.signature else {
      throw ZipError("failed to read CDS at offset \(offset)")
    }
    madeBy = head.littleEndian(at: 4)
    neededVersion = head.littleEndian(at: 6)
    flags = head.littleEndian(at: 8)
    method = head.littleEndian(at: 10)
    time = head.littleEndian(at: 12)
    date = head.littleEndian(at: 14)
    checksum = head.littleEndian(at: 16)
    storedSize = head.littleEndian(at: 20)
    size = head.littleEndian(at: 24)
    let counts = (28...32).filter { $0 % 2 == 0 }.map { Int(head.littleEndian(UInt16.self, at: $0)) }
    disk = head.littleEndian(at: 34)
    internalAttributes = head.littleEndian(at: 36)
    attributes = head.littleEndian(at: 38)
    self.offset = head.littleEndian(at: 42)
    let rest = try source.read(at: offset + Self.fixedSize, count: counts[0] + counts[1] + counts[2])
    // A name ends at its first zero byte, like SQL's texts here.
    name = Array(rest[..<counts[0]].prefix { $0 != 0 })
    extra = Array(rest[counts[0]..<(counts[0] + counts[1])])
    comment = Array(rest[(counts[0] + counts[1])...])
    nameSize = counts[0]
    modified = Self.time(in: extra) ?? Self.seconds(date: date, time: time)
    let local = try source.read(at: Int(self.offset), count: Self.localFixedSize)
    guard local.littleEndian(UInt32.self, at: 0) == Self.localSignature else {
      throw ZipError("failed to read LFH at offset \(Int32(bitPattern: self.offset))")
    }
    contentOffset =
      Int(self.offset) + Self.localFixedSize + Int(local.littleEndian(UInt16.self, at: 26))
      + Int(local.littleEndian(UInt16.self, at: 28))
  }

  /// Bytes that the name takes in the archive; more than `name` if it holds a zero byte.
  private(set) var nameSize: Int?

  /// Bytes that the entry takes in the directory.
  var length: Int { Self.fixedSize + (nameSize ?? name.count) + extra.count + comment.count }

  /// Appends the head that stands before the content.
  func appendLocal(to bytes: inout [UInt8]) {
    bytes.appendLittleEndian(Self.localSignature)
    appendShared(to: &bytes)
    bytes += name
    bytes += extra
  }

  /// Appends the entry of the directory.
  func append(to bytes: inout [UInt8]) {
    bytes.appendLittleEndian(Self.signature)
    bytes.appendLittleEndian(madeBy)
    appendShared(to: &bytes)
    bytes.appendLittleEndian(UInt16(truncatingIfNeeded: comment.count))
    bytes.appendLittleEndian(disk)
    bytes.appendLittleEndian(internalAttributes)
    bytes.appendLittleEndian(attributes)
    bytes.appendLittleEndian(offset)
    bytes += name
    bytes += extra
    bytes += comment
  }

  /// Appends the fields of both heads, in the same order.
  private func appendShared(to bytes: inout [UInt8]) {
    for value in [neededVersion, flags, method, time, date] { bytes.appendLittleEndian(value) }
    for value in [checksum, storedSize, size] { bytes.appendLittleEndian(value) }
    bytes.appendLittleEndian(UInt16(truncatingIfNeeded: name.count))
    bytes.appendLittleEndian(UInt16(truncatingIfNeeded: extra.count))
  }

  /// All fields, as `zipfile_cds` shows them.
  var description: String {
    let fields: [(String, UInt32)] = [
      ("version-made-by", UInt32(madeBy)), ("version-to-extract", UInt32(neededVersion)),
      ("flags", UInt32(flags)), ("compression", UInt32(method)), ("time", UInt32(time)),
      ("date", UInt32(date)), ("crc32", checksum), ("compressed-size", storedSize),
      ("uncompressed-size", size), ("file-name-length", UInt32(nameSize ?? name.count)),
      ("extra-field-length", UInt32(extra.count)), ("file-comment-length", UInt32(comment.count)),
      ("disk-number-start", UInt32(disk)), ("internal-attr", UInt32(internalAttributes)),
      ("external-attr", attributes), ("offset", offset),
    ]
    return "{" + fields.map { "\"\($0.0)\" : \($0.1)" }.joined(separator: ", ") + " }"
  }

  // MARK: Times

  /// Returns the time in an extra field.
  private static func time(in extra: [UInt8]) -> UInt32? {
    var at = 0
    while at + 4 <= extra.count {
      let size = Int(extra.littleEndian(UInt16.self, at: at + 2))
      if extra.littleEndian(UInt16.self, at: at) == timeField, at + 9 <= extra.count, extra[at + 4] & 1 != 0 {
        return extra.littleEndian(at: at + 5)
      }
      at += 4 + size
    }
    return nil
  }

  /// Returns date and time in the archive's form, in UTC; 0 before 1980.
  private static func date(of seconds: UInt32) -> (date: UInt16, time: UInt16) {
    guard seconds >= 315_532_800 else { return (0, 0) }
    let (year, month, day) = CivilDate.date(ofDay: Int(seconds / 86400))
    let rest = seconds % 86400
    return (
      UInt16((year - 1980) << 9 | month << 5 | day),
      UInt16((rest / 3600) << 11 | (rest % 3600 / 60) << 5 | rest % 60 / 2)
    )
  }

  /// Seconds since 1970 of a date and time in UTC.
  private static func seconds(date: UInt16, time: UInt16) -> UInt32 {
    let day = CivilDate.day(
      year: Int(date >> 9) + 1980, month: Int((date >> 5) & 0xf), day: Int(date & 0x1f))
    let clock = Int(time >> 11) * 3600 + Int((time >> 5) & 0x3f) * 60 + Int(time & 0x1f) * 2
    return UInt32(truncatingIfNeeded: day * 86400 + clock)
  }
}

/// Days since 1970 and dates of the Gregorian calendar.
private enum CivilDate {
  /// Returns the date of a day; in the calculation a year begins in March and ends with the leap day.
  static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (
      yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    )
  }

  /// Months and days that do not exist count on from those that do.
  static func day(year: Int, month: Int, day: Int) -> Int {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year % 400
    let monthFromMarch = month > 2 ? month - 3 : month + 9
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
