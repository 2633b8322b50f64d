internal import Bytes
internal import Files
internal import SQLite

/// A ZIP archive that is being changed: members are added at its end, and the directory last.
final class ZipWriter {
  private(set) var entries: [ZipEntry] = []
  /// The names of current and earlier members, so that most new ones need not be compared with all
  /// others.
  private var names: Set<[UInt8]> = []
  private let file: File
  private var end: Int
  var source: ZipSource { .file(file) }

  init(_ name: [UInt8]) throws(VirtualTableError) {
    guard let file = File(named: name, .create) else {
      throw VirtualTableError("zipfile: failed to open file \(String(preserving: name)) for writing")
    }
    self.file = file
    let source = ZipSource.file(file)
    end = source.size
    guard end > 0 else { return }
    do throws(ZipError) { entries = try ZipEnd.entries(of: source) } catch {
      throw VirtualTableError(error.message)
    }
    names = Set(entries.map { Array(ZipMember.trimmed($0.name)) })
  }

  /// Writes the directory and the end.
  func finish() throws(VirtualTableError) {
    var tail: [UInt8] = []
    for entry in entries { entry.append(to: &tail) }
    var record = ZipEnd()
    record.count = UInt16(truncatingIfNeeded: entries.count)
    record.directorySize = UInt32(truncatingIfNeeded: tail.count)
    record.directoryOffset = UInt32(truncatingIfNeeded: end)
    record.append(to: &tail)
    try write(tail)
  }

  private func write(_ bytes: [UInt8]) throws(VirtualTableError) {
    // An offset has 32 bits.
    guard end + bytes.count <= Int(UInt32.max) else { throw VirtualTableError("zipfile: archive too large") }
    do throws(FilesError) { try file.write(bytes, at: end) } catch {
      throw VirtualTableError("error in fwrite()")
    }
    end += bytes.count
  }

  /// Deletes, inserts or changes a member, like `VirtualTable.update`.
  func update(_ values: Arguments, _ conflict: ConflictPolicy) throws(VirtualTableError) {
    let oldName = values[0].cText
    let old = oldName.flatMap { name in entries.firstIndex { ZipMember.isSame($0.name, name) } }
    guard values.count > 1 else {
      if let old { entries.remove(at: old) }
      return
    }
    guard values[5].isNull else { throw VirtualTableError(.constraint, "sz must be NULL") }
    guard values[6].isNull else { throw VirtualTableError(.constraint, "rawdata must be NULL") }
    let content = try content(of: values)
    let isFolder = values[7].isNull
    let mode = try ZipMember.mode(values[3], isFolder: isFolder)
    var name = values[2].cText ?? []
    if isFolder { name = ZipMember.folderName(name) }
    guard name.count <= Int(UInt16.max) else {
      throw VirtualTableError(.constraint, "zipfile: name too long")
    }
    var replaced: Int?
    let isRenamed = oldName.map { !ZipMember.isSame($0, values[1].cText ?? []) } ?? true
    let isNew = names.insert(Array(ZipMember.trimmed(name))).inserted
    if old == nil || isRenamed, !isNew,
      let other = entries.firstIndex(where: { ZipMember.isSame($0.name, name) })
    {
      switch conflict {
      case .ignore: return
      case .replace: replaced = other
      case .fail:
        throw VirtualTableError(.constraint, "duplicate name: \"\(String(preserving: name))\"")
      }
    }
    guard entries.count < Int(UInt16.max) || old != nil || replaced != nil else {
      throw VirtualTableError("zipfile: archive too large")
    }
    let entry = ZipEntry(
      name: name, mode: mode, modified: ZipMember.time(values[4]), content: content,
      at: UInt32(truncatingIfNeeded: end))
    var member: [UInt8] = []
    entry.appendLocal(to: &member)
    try write(member + content.stored)
    // A changed member keeps its position; one that replaces another comes last.
    if let old { entries.insert(entry, at: old) } else { entries.append(entry) }
    let gone = [
      old.map { $0 + 1 }, replaced.map { other in old.map { $0 <= other } == true ? other + 1 : other },
    ]
    for index in Set(gone.compactMap { $0 }).sorted(by: >) { entries.remove(at: index) }
  }

  private func content(of values: Arguments) throws(VirtualTableError) -> ZipContent {
    if values[7].isNull { return .empty }
    let method = values[8].isNull ? nil : values[8].int32
    guard method == nil || method == 0 || method == 8 else {
      throw VirtualTableError(.constraint, "unknown compression method: \(method ?? 0)")
    }
    guard let content = values[7].withBlob({ ZipContent($0, method: method) }) else {
      throw VirtualTableError("zipfile: deflate() error")
    }
    return content
  }
}
