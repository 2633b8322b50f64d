internal import Digest
internal import SQLite

extension SHA1: RowHash {}

/// `sha1(X)` in hexadecimal, `sha1b(X)` as a blob, and `sha1_query(SQL)` of the rows of queries,
/// over the same bytes as `sha3_query`.
enum SHA1Functions {
  private static let flags: FunctionDefinition.Flags = [.deterministic, .innocuous]

  static let all = [
    FunctionDefinition("sha1", 1, flags) { arguments, result in
      if let digest = digest(arguments[0]) { result.set(text: hexadecimal(digest)) }
    },
    FunctionDefinition("sha1b", 1, flags) { arguments, result in
      if let digest = digest(arguments[0]) { result.set(blob: digest) }
    },
    FunctionDefinition("sha1_query", 1, .directOnly) { arguments, result in
      let hash = SHA1()
      if SHA3Functions.read(arguments, result, into: hash) {
        result.set(text: hexadecimal(hash.finish()))
      }
    },
  ]

  private static func digest(_ argument: Argument) -> [UInt8]? {
    let hash = SHA1()
    switch argument.storageClass {
    case .null: return nil
    case .blob: argument.withBlob { hash.update($0) }
    default: argument.withText { if let text = $0 { hash.update(text) } }
    }
    return hash.finish()
  }

  private static func hexadecimal(_ digest: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}
