import Bytes
import Files

/// The file a database is built in: pages of the base below, newer ones in memory until they are written out.
final class PageFile {
  let file: File
  let pageSize: Int
  private var slots: [UInt32: Int] = [:]
  private var arena: [UInt8] = []
  private let limit: Int

  /// Keeps up to `limit` bytes of newer pages before it writes them out.
  init(_ file: File, pageSize: Int, limit: Int = 64 << 20) {
    self.file = file
    self.pageSize = pageSize
    self.limit = limit
  }

  /// The newest image of a page; zeros where nothing was written.
  func image(_ page: UInt32) throws -> (bytes: [UInt8], index: Int) {
    if let slot = slots[page] { return (arena, slot) }
    var bytes = try file.read(at: Int(page - 1) * pageSize, count: pageSize)
    if bytes.count < pageSize { bytes += [UInt8](repeating: 0, count: pageSize - bytes.count) }
    return (bytes, 0)
  }

  /// Whether the page has a newer image than the file.
  func isNew(_ page: UInt32) -> Bool { slots[page] != nil }

  /// Replaces the image of a page.
  func set(_ page: UInt32, _ bytes: [UInt8], at index: Int) throws {
    if let slot = slots[page] {
      Kernels.copy(into: &arena, at: slot, from: bytes, at: index, count: pageSize)
      return
    }
    if arena.count + pageSize > limit { try flush(pages: .max) }
    slots[page] = arena.count
    arena += bytes[index..<index + pageSize]
  }

  /// Writes newer images of pages up to `pages` to the file, in order of their place in it.
  func flush(pages: UInt32) throws {
    for (page, slot) in slots.sorted(by: { $0.key < $1.key }) where page <= pages {
      try file.write(arena[slot..<slot + pageSize], at: Int(page - 1) * pageSize)
    }
    slots.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
  }
}
