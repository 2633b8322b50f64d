import Foundation
import Testing

/// The examples in `Docs/Format.md` for other programs: records, a slice in hexadecimal, and test
/// vectors.
struct FormatDocument {
  /// A line of the annotated slice: the offset, the bytes, their name, and their value.
  struct Field {
    let offset: Int
    let bytes: [UInt8]
    let name: String
    let value: String
  }

  /// A line of the table of test vectors.
  struct Vector {
    let what: String
    let of: String
    let result: String
  }

  /// The text of each record by the name of its object.
  let records: [(name: String, bytes: [UInt8])]
  let slice: [Field]
  let vectors: [Vector]

  init() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("Docs/Format.md"), encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    records = lines.indices.filter { lines[$0].hasPrefix("```record ") }.map { index in
      let content = lines[(index + 1)...].prefix { $0 != "```" }
      return (String(lines[index].dropFirst(10)), Array((content.joined(separator: "\n") + "\n").utf8))
    }
    let block = lines.drop { $0 != "```slice" }.dropFirst().prefix { $0 != "```" }
    slice = try block.map { try Self.field($0) }
    vectors = lines.drop { $0 != "| what | of | is |" }.dropFirst(2).prefix { $0.hasPrefix("|") }.map {
      line in
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      return Vector(what: cells[0], of: cells[1], result: cells[2].replacingOccurrences(of: "`", with: ""))
    }
  }

  private static func field(_ line: Substring) throws -> Field {
    let columns = String(line).components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
    try #require(columns.count == 3, "\(line)")
    let offset = try #require(Int(columns[0]))
    let bytes = columns[1].split(separator: " ").compactMap { UInt8($0, radix: 16) }
    let colon = columns[2].range(of: ": ", options: .backwards)
    let place = try #require(colon, "\(line)")
    return Field(
      offset: offset, bytes: bytes, name: String(columns[2][..<place.lowerBound]),
      value: String(columns[2][place.upperBound...]))
  }

  /// Returns the record of the object whose name begins and ends like this.
  func record(_ start: String, _ end: String = ".txt") throws -> (name: String, bytes: [UInt8]) {
    let found = records.first { $0.name.hasPrefix(start) && $0.name.hasSuffix(end) }
    return try #require(found, "no record \(start)…\(end)")
  }

  /// Returns the value of the field of this name.
  func value(_ name: String) throws -> String {
    let field = slice.first { $0.name == name }
    return try #require(field, "no field \"\(name)\"").value
  }

  func number(_ name: String) throws -> Int {
    let number = Int(try value(name))
    return try #require(number)
  }
}

/// Reads numbers as `Docs/Format.md` describes them, without the program's own code.
enum ByHand {
  static func varint(_ bytes: [UInt8]) -> UInt64 {
    var value: UInt64 = 0
    for byte in bytes.reversed() { value = value << 7 | UInt64(byte & 0x7f) }
    return value
  }

  static func signedVarint(_ bytes: [UInt8]) -> Int64 { signed(varint(bytes)) }

  /// Returns the value of a varint as a signed one.
  static func signed(_ value: UInt64) -> Int64 { value % 2 == 0 ? Int64(value / 2) : -Int64(value / 2) - 1 }

  /// Returns the bytes of a number in hexadecimal, the lowest byte first in `bytes`.
  static func littleEndian(_ bytes: some BidirectionalCollection<UInt8>) -> String {
    bigEndian(bytes.reversed())
  }

  static func bigEndian(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  static func spaced(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }

  /// Continues SQLite's running checksum over little-endian words.
  static func checksum(_ sums: (UInt32, UInt32), _ bytes: [UInt8]) -> (UInt32, UInt32) {
    var (first, second) = sums
    for at in stride(from: 0, to: bytes.count, by: 8) {
      func word(_ at: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) } }
      first = first &+ word(at) &+ second
      second = second &+ word(at + 4) &+ first
    }
    return (first, second)
  }
}
