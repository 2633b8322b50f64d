internal import Bytes
internal import Files
internal import SQLite

/// `fsdir(PATH,DIR)`: a file, or a folder with everything in it.
final class FolderTable: VirtualTable {
  override class var declaration: String { "CREATE TABLE x(name,mode,mtime,data,path HIDDEN,dir HIDDEN)" }
  override class var trust: Trust { .directOnly }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var places = (path: -1, folder: -1)
    var isWanted = (path: false, folder: false)
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard constraint.isEquality else { continue }
      switch constraint.column {
      case 4 where constraint.isUsable: places.path = index
      case 4: isWanted.path = true
      case 5 where constraint.isUsable: places.folder = index
      case 5: isWanted.folder = true
      default: break
      }
    }
    if places.path < 0 && isWanted.path || places.folder < 0 && isWanted.folder {
      // Another order of the tables may know the argument.
      throw VirtualTableError(.constraint)
    }
    guard places.path >= 0 else {
      plan.setNumber(0)
      plan.setRows(0x7fff_ffff)
      return
    }
    plan.use(places.path, asArgument: 0, isTrusted: true)
    if places.folder >= 0 { plan.use(places.folder, asArgument: 1, isTrusted: true) }
    plan.setNumber(places.folder >= 0 ? 2 : 1)
    plan.setCost(places.folder >= 0 ? 10 : 100)
  }

  override func makeCursor() -> VirtualTableCursor { FolderCursor() }
}

/// A cursor over a folder: each folder before its content, in the file system's order.
private final class FolderCursor: VirtualTableCursor {
  private var path: [UInt8]? { didSet { isAtEnd = path == nil } }
  /// The bytes of the path that are not shown.
  private var hidden = 0
  private var status: FileStatus?
  private var levels: [(reader: FolderReader, path: [UInt8])] = []
  private var row: Int64 = 0

  override func begin(plan: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    path = nil
    levels = []
    row = 1
    hidden = 0
    guard plan > 0 else { throw VirtualTableError("table function fsdir requires an argument") }
    guard var name = arguments[0].cText else {
      throw VirtualTableError("table function fsdir requires a non-NULL argument")
    }
    if arguments.count > 1, let folder = arguments[1].cText {
      name = folder + [UInt8(ascii: "/")] + name
      hidden = folder.count + 1
    }
    try look(at: name)
  }

  private func look(at name: [UInt8]) throws(VirtualTableError) {
    path = name
    status = FileStatus(name)
    guard status != nil else {
      throw VirtualTableError("cannot stat file: \(String(preserving: name))")
    }
  }

  override func next() throws(VirtualTableError) {
    row += 1
    if let path, status?.isFolder == true {
      guard let reader = FolderReader(path) else {
        self.path = nil
        throw VirtualTableError("cannot read directory: \(String(preserving: path))")
      }
      levels.append((reader, path))
    }
    while let level = levels.last {
      if let name = level.reader.next() { return try look(at: level.path + [UInt8(ascii: "/")] + name) }
      levels.removeLast()
    }
    path = nil
  }

  override var rowID: Int64 { row }

  override func give(_ column: Int, _ result: FunctionResult) {
    guard let path, let status else { return }
    switch column {
    case 0: path.withUnsafeBytes { result.set(text: UnsafeRawBufferPointer(rebasing: $0[hidden...])) }
    case 1: result.set(Int64(status.mode))
    case 2: result.set(status.modified)
    case 3 where status.isFolder: break
    case 3 where status.isLink:
      if let target = FileStatus.target(ofLink: path) { result.set(text: target) }
    case 3: FileFunctions.give(contentOf: path, to: result)
    default: break
    }
  }
}
