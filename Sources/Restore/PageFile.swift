import Bytes
import Files

/// The pages that slices are applied to.
protocol PageStore: AnyObject {
  var pageSize: Int { get }
  /// Calls `body` with the newest image of a page, and the index at which it begins.
  func withImage<Result>(_ page: UInt32, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result) throws
    -> Result
  /// Replaces the image of a page with the bytes from `index` on.
  func set(_ page: UInt32, _ bytes: [UInt8], at index: Int) throws
  /// Writes newer images of pages up to `pages` into the file, if there is one.
  func flush(pages: UInt32) throws
}

/// The file in which a database is built: pages of the base in the file, newer ones in memory until
/// they are written.
final class PageFile: PageStore {
  let file: File
  let pageSize: Int
  private var slots: [UInt32: Int] = [:]
  private var arena: [UInt8] = []
  private let limit: Int
  private var scratch: [UInt8]

  /// Keeps up to `limit` bytes of newer pages in memory.
  init(_ file: File, pageSize: Int, limit: Int = 32 << 20) {
    self.file = file
    self.pageSize = pageSize
    self.limit = limit
    scratch = [UInt8](repeating: 0, count: pageSize)
  }

  /// Calls `body` with the newest image of a page; zeros if nothing was written.
  func withImage<Result>(_ page: UInt32, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result) throws
    -> Result
  {
    if let slot = slots[page] { return try body(arena, slot) }
    let count = try file.read(into: &scratch, at: Int(page - 1) * pageSize)
    for index in count..<max(count, pageSize) { scratch[index] = 0 }
    return try body(scratch, 0)
  }

  /// Replaces the image of a page.
  func set(_ page: UInt32, _ bytes: [UInt8], at index: Int) throws {
    if let slot = slots[page] {
      Kernels.copy(into: &arena, at: slot, from: bytes, at: index, count: pageSize)
      return
    }
    if arena.count + pageSize > limit { try flush(pages: .max) }
    if arena.isEmpty { arena.reserveCapacity(limit) }
    slots[page] = arena.count
    arena += bytes[index..<index + pageSize]
  }

  /// Writes newer images of pages up to `pages` to the file, in order of their position.
  func flush(pages: UInt32) throws {
    for (page, slot) in slots.sorted(by: { $0.key < $1.key }) where page <= pages {
      try file.write(arena[slot..<slot + pageSize], at: Int(page - 1) * pageSize)
    }
    slots.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
  }
}
