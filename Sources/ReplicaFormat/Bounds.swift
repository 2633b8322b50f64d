/// The bounds of numbers in a replica.
///
/// A replica is outside data. Numbers beyond these bounds are refused when they are read, so that
/// sums and differences do not overflow.
package enum Bounds {
  /// The highest transaction number: at a million commits a second it takes 146,000 years.
  package static let lastTransaction: UInt64 = 1 << 62
  /// The highest generation number, so that the next generation has a number too.
  package static let lastSequence = UInt32.max - 1
  /// Microseconds since 1970 of the years 1 to 9999.
  package static let times: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999
  /// The maximum size of an object: one put stores no more.
  package static let sizes = 0...5 << 30

  /// Returns a transaction's number in decimal.
  static func transaction(_ text: some StringProtocol) -> UInt64? {
    UInt64(text).flatMap { $0 <= lastTransaction ? $0 : nil }
  }

  /// Returns a time in microseconds since 1970.
  static func time(_ text: some StringProtocol) -> Int64? { Int64(text).flatMap { time($0) } }

  static func time(_ value: Int64) -> Int64? { times.contains(value) ? value : nil }

  /// Returns the bytes of a page of a database (https://www.sqlite.org/fileformat2.html#page_size).
  static func pageSize(_ text: some StringProtocol) -> Int? {
    Int(text).flatMap { (512...65536).contains($0) && $0 & ($0 - 1) == 0 ? $0 : nil }
  }

  /// Returns the number of a frame in a log.
  static func frame(_ text: some StringProtocol) -> Int? { UInt32(text).map { Int($0) } }

  /// Returns the number of a process.
  static func process(_ text: some StringProtocol) -> Int? {
    Int32(text).flatMap { $0 >= 0 ? Int($0) : nil }
  }

  /// Returns a length in bytes.
  static func size(_ text: some StringProtocol) -> Int? {
    Int(text).flatMap { sizes.contains($0) ? $0 : nil }
  }
}
