internal import Bytes
internal import Files
internal import SQLite

/// `edit(VALUE,EDITOR)`: lets the user edit a value in an editor, and returns the result.
enum EditFunction {
  static let all = [
    FunctionDefinition("edit", 1, reachesOutside: true, edit),
    FunctionDefinition("edit", 2, reachesOutside: true, edit),
  ]

  @Sendable private static func edit(_ arguments: Arguments, _ result: FunctionResult) {
    let editor =
      arguments.count > 1
      ? arguments[1].cText : ProcessEnvironment.variable("VISUAL")?.preservedBytes
    guard let editor else { return result.fail("no editor for edit()") }
    let value = arguments[0]
    guard !value.isNull else { return result.fail("NULL input to edit()") }
    let isBlob = value.storageClass == .blob
    let name = Array("temp\(String(UInt64.random(in: .min ... .max), radix: 16))".utf8)
    var keepsReturns = isBlob
    let isWritten = value.withBlob { bytes in
      if !isBlob { keepsReturns = hasReturn(bytes) }
      return NamedFile.write(.file(bytes), to: name, mode: nil, modified: nil)
    }
    guard isWritten else { return result.fail("edit() cannot open temp file") }
    defer { NamedFile.remove(name) }
    let command = String(preserving: editor) + " \"" + String(preserving: name) + "\""
    guard ProcessEnvironment.run(command) == 0 else { return result.fail("EDITOR returned non-zero") }
    var content: [UInt8] = []
    let isRead = NamedFile.collect(name, limit: result.greatestLength, into: &content)
    guard isRead else { return result.fail("edit() cannot reopen temp file after edit") }
    if isBlob {
      result.set(blob: content)
    } else {
      result.set(text: keepsReturns ? content : withoutReturns(content))
    }
  }

  /// Returns whether a line ends as on Windows.
  private static func hasReturn(_ bytes: UnsafeRawBufferPointer) -> Bool {
    zip(bytes, bytes.dropFirst()).contains { $0 == 13 && $1 == 10 }
  }

  private static func withoutReturns(_ bytes: [UInt8]) -> [UInt8] {
    bytes.indices.filter { !(bytes[$0] == 13 && $0 + 1 < bytes.count && bytes[$0 + 1] == 10) }.map {
      bytes[$0]
    }
  }
}
