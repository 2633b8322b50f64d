internal import Bytes

/// A small object of text: a title with a version, lines of name and value, and a hash over
/// everything.
///
/// A value holds no line break. Unknown names are kept and ignored, so later versions may add
/// lines.
struct TextRecord {
  let title: String
  private(set) var lines: [(name: String, value: String)] = []

  init(_ title: String) { self.title = title }

  mutating func add(_ name: String, _ value: some CustomStringConvertible) {
    lines.append((name, String(value.description.map { $0.isNewline ? " " : $0 })))
  }

  var bytes: [UInt8] {
    var text = title + "\n"
    for line in lines { text += "\(line.name) \(line.value)\n" }
    let body = Array(text.utf8)
    return body + Array("end \(Hash128(body, 0..<body.count))\n".utf8)
  }

  init(_ bytes: [UInt8], titled title: String, object: String) throws(FormatError) {
    self.title = title
    let text = String(decoding: bytes, as: UTF8.self)
    var all = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard all.popLast() == "", let last = all.popLast(), last.hasPrefix("end ") else {
      throw FormatError(object, "cut short")
    }
    let body = bytes.count - last.utf8.count - 1
    guard body > 0, last.dropFirst(4) == Hash128(bytes, 0..<body).description else {
      throw FormatError(object, "its checksum does not match its content")
    }
    guard all.first.map(String.init) == title else {
      throw FormatError(object, "not \"\(title)\", or from a newer version of this program")
    }
    for line in all.dropFirst() {
      let name = line.prefix { $0 != " " }
      lines.append((String(name), String(line.dropFirst(name.count + 1))))
    }
  }

  func first(_ name: String) -> String? { lines.first { $0.name == name }?.value }

  func all(_ name: String) -> [String] { lines.filter { $0.name == name }.map(\.value) }
}

/// Reads the fields of a record, and reports the first missing or wrong one.
struct RecordReader {
  let record: TextRecord
  let object: String

  func text(_ name: String) throws(FormatError) -> String {
    guard let value = record.first(name) else { throw FormatError(object, "no \(name)") }
    return value
  }

  func value<Parsed>(_ name: String, _ parse: (String) -> Parsed?) throws(FormatError) -> Parsed {
    guard let value = parse(try text(name)) else { throw FormatError(object, "wrong \(name)") }
    return value
  }
}
