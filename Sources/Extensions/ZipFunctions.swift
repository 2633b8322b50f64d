internal import Bytes
internal import SQLite

/// `zipfile(NAME,DATA)`, `zipfile(NAME,MODE,MTIME,DATA)` and `…,METHOD)`: an archive of the rows of
/// a group (https://www.sqlite.org/zipfile.html).
enum ZipFunctions {
  static let all = [
    FunctionDefinition(aggregate: "zipfile", -1, takesWindows: false) { ZipState() }
  ]
}

private final class ZipState: AggregateState {
  private var members: [UInt8] = []
  private var directory: [UInt8] = []
  private var count: UInt16 = 0
  private var failure: String?

  override func add(_ arguments: Arguments) {
    guard failure == nil else { return }
    do throws(VirtualTableError) { try take(arguments) } catch { failure = error.message ?? "" }
  }

  private func take(_ arguments: Arguments) throws(VirtualTableError) {
    guard [2, 4, 5].contains(arguments.count) else {
      throw VirtualTableError("wrong number of arguments to function zipfile()")
    }
    let isLong = arguments.count > 2
    let data = arguments[isLong ? 3 : 1]
    guard var name = arguments[0].cText else {
      throw VirtualTableError("first argument to zipfile() must be non-NULL")
    }
    var method: Int32?
    if arguments.count > 4, !arguments[4].isNull {
      method = arguments[4].int32
      guard method == 0 || method == 8 else {
        let number = arguments[4].integer
        throw VirtualTableError("illegal method value: \(number)")
      }
    }
    let isFolder = data.isNull
    let mode = try ZipMember.mode(isLong ? arguments[1] : nil, isFolder: isFolder)
    let modified = ZipMember.time(isLong ? arguments[2] : nil)
    var content = ZipContent.empty
    if isFolder {
      name = ZipMember.folderName(name)
    } else {
      guard name.last != UInt8(ascii: "/") else {
        throw VirtualTableError("non-directory name must not end with /")
      }
      guard let made = data.withBlob({ ZipContent($0, method: method) }) else {
        throw VirtualTableError("zipfile: deflate() error")
      }
      content = made
    }
    // Sizes and offsets have 32 bits, the number of members has 16.
    guard members.count + content.stored.count < 1 << 31, count < .max, name.count <= Int(UInt16.max) else {
      throw VirtualTableError("zipfile: archive too large")
    }
    let entry = ZipEntry(
      name: name, mode: mode, modified: modified, content: content, at: UInt32(members.count))
    entry.appendLocal(to: &members)
    members += content.stored
    entry.append(to: &directory)
    count += 1
  }

  override func give(_ result: FunctionResult) {
    if let failure { return result.fail(failure) }
    guard count > 0 else { return }
    var end = ZipEnd()
    end.count = count
    end.directorySize = UInt32(directory.count)
    end.directoryOffset = UInt32(members.count)
    var archive = members + directory
    end.append(to: &archive)
    result.set(blob: archive)
  }
}
