internal import Bytes
internal import Files
internal import SQLite

/// `readfile(FILE)`, `writefile(FILE,DATA,MODE,MTIME)` and `lsmode(MODE)`.
enum FileFunctions {
  static let all = [
    FunctionDefinition("lsmode", 1) { arguments, result in
      result.set(text: listing(UInt32(bitPattern: arguments[0].int32)))
    },
    FunctionDefinition("readfile", 1, .directOnly, reachesOutside: true) { arguments, result in
      if let name = arguments[0].cText { give(contentOf: name, to: result) }
    },
    FunctionDefinition("writefile", -1, .directOnly, reachesOutside: true, write),
  ]

  /// Returns kind and permissions as in `ls -l`.
  static func listing(_ mode: UInt32) -> String {
    let kind =
      switch mode & FileStatus.kindMask {
      case FileStatus.folder: "d"
      case FileStatus.link: "l"
      case FileStatus.regular: "-"
      default: "?"
      }
    let letters = Array("rwxrwxrwx")
    return kind + String(letters.indices.map { mode >> UInt32(8 - $0) & 1 == 1 ? letters[$0] : "-" })
  }

  /// Returns a file's content as a blob; NULL if it cannot be read.
  static func give(contentOf name: [UInt8], to result: FunctionResult) {
    let limit = result.greatestLength
    var hasFailed = false
    let isRead = NamedFile.read(name) { length in
      guard length <= limit else {
        hasFailed = true
        result.fail(.tooBig)
        return nil
      }
      let room = result.blob(count: length)
      hasFailed = room == nil
      return room
    }
    if !isRead && !hasFailed { result.setNull() }
  }

  @Sendable static func write(_ arguments: Arguments, _ result: FunctionResult) {
    guard arguments.count >= 2 && arguments.count <= 4 else {
      return result.fail("wrong number of arguments to function writefile()")
    }
    guard let name = arguments[0].cText else { return }
    let mode = arguments.count > 2 ? UInt32(bitPattern: arguments[2].int32) : 0
    let modified = arguments.count > 3 ? arguments[3].integer : -1
    let kind = mode & FileStatus.kindMask
    var written: Int?
    let isWritten = arguments[1].withBlob { bytes in
      let content: NamedFile.Content
      switch kind {
      case FileStatus.link:
        guard let target = arguments[1].cText else { return false }
        content = .link(to: target)
      case FileStatus.folder: content = .folder
      default:
        content = .file(bytes)
        written = bytes.count
      }
      return NamedFile.write(
        content, to: name, mode: kind == FileStatus.folder || mode != 0 ? mode : nil,
        modified: modified >= 0 ? modified : nil, replacesByLink: Dialect.current.writesLinksOver)
    }
    if isWritten {
      if let written { result.set(Int64(written)) }
    } else if arguments.count > 2 {
      let what =
        switch kind {
        case FileStatus.link: "create symlink"
        case FileStatus.folder: "create directory"
        default: "write file"
        }
      result.fail("failed to \(what): \(String(preserving: name))")
    }
  }
}
