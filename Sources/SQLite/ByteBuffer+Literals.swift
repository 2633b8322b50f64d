package import Bytes
internal import CSQLite
internal import Glibc

extension ByteBuffer {
  /// Appends a number so that SQL reads the very same back, by SQLite's own printf; infinities as `Inf`.
  package func append(real value: Double) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
      guard let start = text.baseAddress else { return }
      csqlite_format_double(64, start, Dialect.current.writesSeventeenDigits ? "%!.17g" : "%!.20g", value)
      append(UnsafeRawPointer(start), strlen(start))
    }
  }

  /// Appends a number for JSON: as `append(real:)`, but infinities as a number that is too large.
  package func append(numeral value: Double) {
    if value.isInfinite {
      if value < 0 { append(UInt8(ascii: "-")) }
      append(Dialect.current.writesLongInfinity ? "9.0e+999" : "1e999" as StaticString)
    } else {
      append(real: value)
    }
  }

  /// Appends a number so that SQL reads exactly the same value: as `append(numeral:)`, but whole
  /// numbers exactly.
  package func append(sqlNumeral value: Double) {
    if Dialect.current.writesWholeNumbersInFull, let whole = Int64(exactly: value) {
      append(decimal: whole)
      append(".0" as StaticString)
    } else {
      append(numeral: value)
    }
  }

  /// Appends a string literal for the text at a pointer; `spaced` as `.recover` writes it.
  package func append(oneLineLiteral text: [UInt8], spaced: Bool = false) {
    text.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return append("''") }
      append(oneLineLiteral: base, text.count, spaced: spaced)
    }
  }

  /// Appends a string literal without line breaks: `replace(…,char(10))` puts them back.
  package func append(oneLineLiteral text: UnsafePointer<UInt8>, _ count: Int, spaced: Bool = false) {
    let hasNewline = memchr(text, 0x0a, count) != nil
    let hasReturn = memchr(text, 0x0d, count) != nil
    guard hasNewline || hasReturn else {
      append(text, count, as: .sql)
      return
    }
    let newline = hasNewline ? standIn(for: "\\n", "\\012", notIn: text, count) : []
    let carriageReturn = hasReturn ? standIn(for: "\\r", "\\015", notIn: text, count) : []
    if hasNewline { append("replace(" as StaticString) }
    if hasReturn { append("replace(" as StaticString) }
    append(UInt8(ascii: "'"))
    for byte in UnsafeBufferPointer(start: text, count: count) {
      switch byte {
      case 0x0a: append(newline)
      case 0x0d: append(carriageReturn)
      case 0x27: append("''" as StaticString)
      default: append(byte)
      }
    }
    append(UInt8(ascii: "'"))
    if hasReturn { appendReplacement(of: carriageReturn, by: 13, spaced) }
    if hasNewline { appendReplacement(of: newline, by: 10, spaced) }
  }

  private func appendReplacement(of standIn: [UInt8], by code: Int64, _ spaced: Bool) {
    append(",'" as StaticString)
    append(standIn)
    append(spaced ? "', char(" as StaticString : "',char(" as StaticString)
    append(decimal: code)
    append("))" as StaticString)
  }
}

/// Returns the first of `short`, `long`, `(short0)`, `(short1)` … that is not in a text.
private func standIn(
  for short: String, _ long: String, notIn text: UnsafePointer<UInt8>, _ count: Int
) -> [UInt8] {
  func occurs(_ word: [UInt8]) -> Bool { Kernels.contains(text, count, word) }
  var candidate = Array(short.utf8)
  if !occurs(candidate) { return candidate }
  candidate = Array(long.utf8)
  var number = 0
  while occurs(candidate) {
    candidate = Array("(\(short)\(number))".utf8)
    number += 1
  }
  return candidate
}
