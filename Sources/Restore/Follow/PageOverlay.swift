import Bytes
import Files

/// Newer images of some pages over an unchanged database: some in memory, the rest in a scratch
/// file.
final class PageOverlay: PageStore {
  let pageSize: Int
  private let base: (UInt32) throws -> [UInt8]
  /// The folder of the scratch file.
  private let folder: String
  private let limit: Int
  private var slots: [UInt32: Int] = [:]
  private var arena: [UInt8] = []
  private var scratch: File?
  /// The pages in the scratch file, at the same offsets as in the database.
  private var spilled = PageSet()

  /// Lies over the pages that `base` returns, and keeps up to `limit` bytes in memory.
  init(
    pageSize: Int, scratchFolder: String, limit: Int = 32 << 20, base: @escaping (UInt32) throws -> [UInt8]
  ) {
    self.pageSize = pageSize
    self.base = base
    self.limit = limit
    folder = scratchFolder
  }

  /// The pages with a newer image, in order.
  var pages: [UInt32] {
    var all = spilled
    for page in slots.keys { _ = all.insert(page) }
    return all.sorted
  }

  /// Bytes of newer images.
  var byteCount: Int { (slots.count + spilled.count) * pageSize }

  func withImage<Result>(_ page: UInt32, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result) throws
    -> Result
  {
    if let slot = slots[page] { return try body(arena, slot) }
    if spilled.contains(page), let scratch {
      return try body(scratch.read(at: place(of: page), count: pageSize), 0)
    }
    return try body(base(page), 0)
  }

  func set(_ page: UInt32, _ bytes: [UInt8], at index: Int) throws {
    if let slot = slots[page] {
      Kernels.copy(into: &arena, at: slot, from: bytes, at: index, count: pageSize)
      return
    }
    if arena.count + pageSize > limit { try spill() }
    slots[page] = arena.count
    arena += bytes[index..<index + pageSize]
  }

  /// Writes nothing, because the database below must not change.
  func flush(pages: UInt32) throws {}

  private func place(of page: UInt32) -> Int { Int(page - 1) * pageSize }

  private func spill() throws {
    let file: File
    if let scratch {
      file = scratch
    } else {
      // The file disappears with the program, however it ends.
      file = try File(unnamedIn: folder)
      scratch = file
    }
    for (page, slot) in slots.sorted(by: { $0.key < $1.key }) {
      try file.write(arena[slot..<slot + pageSize], at: place(of: page))
      _ = spilled.insert(page)
    }
    slots.removeAll(keepingCapacity: true)
    arena.removeAll(keepingCapacity: true)
  }
}
