import Bytes
import Compression
import Foundation
import ReplicaFormat
import TestSupport
import Testing

/// A replica of three transactions in a directory, into which an attacker then writes.
struct HostileReplica {
  let work: Workplace
  let generation: GenerationID
  /// Another database, which no command may touch.
  let canary: String

  init() throws {
    work = try Workplace(.directory)
    canary = work.home.path("canary.db")
    _ = try sqlite3("CREATE TABLE secret(a); INSERT INTO secret VALUES('kept')", canary)
    // A base after the first transaction; the second and third have a batch each.
    try work.succeed("CREATE TABLE t(a, b);\n.mirror sync\n.mirror snapshot\n")
    try work.succeed("INSERT INTO t VALUES(1, 'x');\n.mirror sync\n")
    try work.succeed("INSERT INTO t VALUES(2, 'y');\n.mirror sync\n")
    let folders = try FileManager.default.contentsOfDirectory(atPath: work.replica.path("generations"))
    guard let generation = folders.compactMap({ GenerationID($0) }).max() else {
      throw ServerError(description: "no generation in \(folders)")
    }
    self.generation = generation
  }

  /// The folders of the generation's objects and of others.
  func put(_ key: String, _ bytes: [UInt8]) throws {
    let path = work.replica.path(key)
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  func put(_ key: String, text: String) throws { try put(key, Array(text.utf8)) }

  func remove(_ key: String) throws { try FileManager.default.removeItem(atPath: work.replica.path(key)) }

  /// Makes an object of this size, without using disk space.
  func enlarge(_ key: String, to size: UInt64) throws {
    let path = work.replica.path(key)
    if !FileManager.default.fileExists(atPath: path) { try put(key, []) }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.truncate(atOffset: size)
    try file.close()
  }

  /// Returns the names of the objects in a folder of the generation, in order.
  func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: work.replica.path(folder)).sorted()
  }

  /// Writes a record with other values for some of its fields, and with its hash.
  func change(_ key: String, _ fields: [String: String]) throws {
    let old = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: work.replica.path(key))), as: UTF8.self)
    var lines = old.split(separator: "\n").dropLast().map(String.init)
    for (name, value) in fields {
      guard let at = lines.firstIndex(where: { $0.hasPrefix(name + " ") }) else {
        throw ServerError(description: "no \(name) in \(old)")
      }
      lines[at] = "\(name) \(value)"
    }
    try put(key, Self.record(lines.joined(separator: "\n") + "\n"))
  }

  /// Returns the bytes of a record with these lines.
  static func record(_ text: String) -> [UInt8] {
    let body = Array(text.utf8)
    return body + Array("end \(Hash128(body, 0..<body.count))\n".utf8)
  }

  /// Returns the object of a batch with this text, without its last line.
  static func batch(_ text: [UInt8]) -> [UInt8] {
    Zstandard.compress(text + Array("-- end \(Hash128(text, 0..<text.count))\n".utf8))
  }

  /// Returns the name of the batch that holds the last transaction, and that transaction.
  func lastBatch() throws -> (key: String, transactions: ClosedRange<UInt64>, time: Int64, end: String) {
    let folder = ReplicaLayout.statements(generation)
    guard let name = try names(folder).last, let range = BatchName(key: folder + name)?.transactions else {
      throw ServerError(description: "no batch")
    }
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: work.replica.path(folder + name))))
    let text = String(
      decoding: try Zstandard.decompress(bytes, 0..<bytes.count, limit: 1 << 20), as: UTF8.self)
    let line = text.split(separator: "\n").first { $0.hasPrefix("-- transaction") } ?? ""
    func field(_ name: String) -> Substring {
      line.split(separator: " ").first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1) ?? ""
    }
    return (folder + name, range, Int64(field("time")) ?? 0, String(field("wal")))
  }

  /// Replaces the statements of the last transaction.
  ///
  /// `error` is the claimed code of the first of them.
  func forge(
    _ statements: [String], settings: String = "", error: Int32? = nil, zone: String? = nil,
    values: String = ""
  ) throws {
    let last = try lastBatch()
    let number = last.transactions.upperBound
    var text =
      "-- sqlite3-cloud-s3 statements 1\n-- generation \(generation)\n-- transactions \(number) \(number)\n"
    text += "-- transaction \(number) time=\(last.time) statements=\(statements.count) wal=\(last.end)"
    if !settings.isEmpty { text += " settings=\(settings.utf8.count)" }
    text += "\n"
    if !settings.isEmpty { text += settings + "\n" }
    if statements.count > 1 { text += "BEGIN;\n" }
    for (index, sql) in statements.enumerated() {
      text += "-- statement bytes=\(sql.utf8.count) changes=0"
      if let error, index == 0 { text += " error=\(error)" }
      if let zone { text += " zone=\(zone)" }
      if !values.isEmpty { text += " values=\(values.utf8.count)" }
      text += "\n\(values)\(sql)" + (sql.hasSuffix(";") ? "\n" : "\n;\n")
    }
    if statements.count > 1 { text += "COMMIT;\n" }
    try put(last.key, Self.batch(Array(text.utf8)))
  }
}
