internal import Bytes
internal import CSQLite
internal import Glibc

/// Numbers as SQL that gives the very same bits.
enum ExactReal {
  static func append(_ value: Double, to buffer: ByteBuffer) {
    // > SQLite stores NaN as NULL.
    guard !value.isNaN else { return buffer.append("NULL" as StaticString) }
    let isNegative = value.sign == .minus
    if isNegative { buffer.append("(-" as StaticString) }
    let magnitude = value.magnitude
    if magnitude.isInfinite {
      buffer.append("9e999" as StaticString)
    } else if !appendDecimal(magnitude, to: buffer) {
      appendProduct(magnitude, to: buffer)
    }
    if isNegative { buffer.append(UInt8(ascii: ")")) }
  }

  /// False where SQLite would read another number.
  private static func appendDecimal(_ value: Double, to buffer: ByteBuffer) -> Bool {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      guard let start = text.baseAddress else { return false }
      for format in ["%!.15g", "%!.17g", "%!.20g"] {
        csqlite_format_double(64, start, format, value)
        guard NumberReader.read(start).map({ $0.bitPattern == value.bitPattern }) == true else { continue }
        buffer.append(UnsafeRawPointer(start), strlen(start))
        return true
      }
      return false
    }
  }

  /// A whole number times or divided by powers of two, each step of which is exact.
  private static func appendProduct(_ value: Double, to buffer: ByteBuffer) {
    var exponent = value == 0 ? 0 : Int(value.exponent) - 52
    if value.isSubnormal || exponent < -1074 { exponent = -1074 }
    let whole = scalbn(value, Int32(-exponent / 2))
    let mantissa = scalbn(whole, Int32(-exponent - -exponent / 2))
    buffer.append("(" as StaticString)
    buffer.append(decimal: Int64(mantissa))
    buffer.append(".0" as StaticString)
    while exponent != 0 {
      let step = min(abs(exponent), 30)
      buffer.append(UInt8(ascii: exponent < 0 ? "/" : "*"))
      buffer.append(decimal: Int64(1) << Int64(step))
      buffer.append(".0" as StaticString)
      exponent += exponent < 0 ? step : -step
    }
    buffer.append(")" as StaticString)
  }
}

/// Reads numerals as SQLite does, without a connection that anybody watches.
private enum NumberReader {
  static func read(_ text: UnsafePointer<CChar>) -> Double? {
    var database: OpaquePointer?
    defer { sqlite3_close(database) }
    guard sqlite3_open_v2(":memory:", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nil) == SQLITE_OK
    else { return nil }
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_prepare_v2(database, "SELECT CAST(?1 AS REAL)", -1, &statement, nil) == SQLITE_OK,
      sqlite3_bind_text(statement, 1, text, -1, nil) == SQLITE_OK, sqlite3_step(statement) == SQLITE_ROW
    else { return nil }
    return sqlite3_column_double(statement, 0)
  }
}
