internal import Bytes
internal import Files
package import SQLite

/// Keeps the extraction of an archive inside its folder.
package enum ArchiveExtraction {
  /// Runs `body` with functions for extraction.
  ///
  /// `writefile` writes only below `folder`, which ends in a slash or is empty. `sqlar_uncompress`
  /// leaves the targets of links unchanged.
  package static func guarded<Result>(
    _ connection: Connection, folder: [UInt8], _ body: () throws -> Result
  ) throws -> Result {
    let careful = [
      FunctionDefinition("writefile", -1, .directOnly, reachesOutside: true) { arguments, result in
        if let path = arguments[0].cText, let complaint = complaint(path, folder, arguments) {
          return result.fail("\(complaint): \(String(preserving: path))")
        }
        FileFunctions.write(arguments, result)
      },
      FunctionDefinition("sqlar_uncompress", 2, .innocuous) { arguments, result in
        if arguments[1].integer < 0 { return result.set(arguments[0]) }
        ArchiveFunctions.uncompress(arguments, result)
      },
    ]
    for function in careful { try connection.add(function) }
    defer {
      for function in ExtensionTable.functions + ExtensionTable.archiveFunctions
      where careful.contains(where: { $0.name == function.name }) {
        try? connection.add(function)
      }
    }
    return try body()
  }

  /// Returns the reason why a path is not written; nil if it is in the folder, also by links on the
  /// way.
  private static func complaint(_ path: [UInt8], _ folder: [UInt8], _ arguments: Arguments) -> String? {
    let mode = arguments.count > 2 ? UInt32(bitPattern: arguments[2].int32) : 0
    // Making a link fails by itself if one exists, and follows nothing.
    let makesLink = mode & FileStatus.kindMask == FileStatus.link
    guard path.starts(with: folder) else { return "outside of the folder" }
    let name = path[folder.count...]
    if folder.isEmpty && name.first == UInt8(ascii: "/") { return "absolute name in the archive" }
    let parts = name.split(separator: UInt8(ascii: "/"))
    if parts.contains(where: { $0.elementsEqual("..".utf8) }) { return "name with .. in the archive" }
    for part in parts where part.endIndex < path.endIndex || !makesLink {
      if FileStatus(Array(path[..<part.endIndex]))?.isLink == true {
        return "will not write through a symbolic link"
      }
    }
    return nil
  }
}
