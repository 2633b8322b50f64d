internal import Bytes
internal import Compression
internal import Digest

/// Describes the frames of a base's parts, and holds copies of the pages that lead to all others.
///
/// With a map, a reader fetches one frame of a part and checks its hash. Without one, it fetches
/// whole parts. `Docs/Format.md` has the byte tables.
package struct BaseMap: Sendable {
  /// A zstd frame of a part.
  package struct Frame: Hashable, Sendable {
    /// Bytes of the stored frame.
    package let size: Int
    /// The low half of the XXH3-128 of the frame's pages.
    package let hash: UInt64

    package init(size: Int, hash: UInt64) {
      self.size = size
      self.hash = hash
    }
  }

  /// Bytes of pages in each frame of a part except the last one.
  package static let frameBytes = 128 << 10
  /// Maximum bytes of a map that a reader accepts; the mirror writes smaller ones.
  package static let largest = 16 << 20
  private static let magic = Array("SQLCS3M1".utf8)
  private static let fixed = 16

  /// The frames of each described part, by the part's name.
  package var frames: [String: [Frame]] = [:]
  /// Parts that the map describes in another way than the manifest; these frames are ignored.
  package private(set) var unfit: Set<String> = []
  /// Pages of the base that lead to others: page 1 and the interior pages of trees.
  package var pages: [(number: UInt32, bytes: [UInt8])] = []

  package init() {}

  /// Returns the name of the map's object, which lies beside the base's manifest.
  package static func key(of base: BaseName, in generation: GenerationID) -> String {
    String(base.key(in: generation).dropLast(4)) + ".map"
  }

  /// Returns the base that a map belongs to; nil if the key is not the key of a map.
  package static func base(key: String) -> BaseName? {
    key.hasSuffix(".map") ? BaseName(key: String(key.dropLast(4)) + ".txt") : nil
  }

  /// Returns whether a page may be an interior page of a tree
  /// (https://www.sqlite.org/fileformat2.html#b_tree_pages).
  ///
  /// A wrong guess costs a few bytes in the map, and nothing else.
  package static func isInterior(_ bytes: [UInt8], at index: Int, number: UInt32) -> Bool {
    let kind = bytes[index + (number == 1 ? 100 : 0)]
    return kind == 2 || kind == 5
  }

  // MARK: Bytes

  package var bytes: [UInt8] {
    let head = ByteBuffer(capacity: 4096)
    head.append(varint: UInt64(frames.count))
    for (digest, frames) in frames.sorted(by: { $0.key < $1.key }) {
      head.append(Digest.bytes(hex: digest) ?? [])
      head.append(varint: UInt64(frames.count))
      for frame in frames {
        head.append(varint: UInt64(frame.size))
        var hash: [UInt8] = []
        hash.appendLittleEndian(frame.hash)
        head.append(hash)
      }
    }
    let tail = ByteBuffer(capacity: 4096)
    tail.append(varint: UInt64(pages.count))
    var last: UInt32 = 0
    for page in pages {
      tail.append(varint: UInt64(page.number - last))
      last = page.number
    }
    let packed = Zstandard.compress(pages.flatMap(\.bytes), level: 3)
    var all = Self.magic
    all.appendLittleEndian(UInt32(head.count))
    all.appendLittleEndian(UInt32(tail.count + packed.count))
    all.append(head)
    all.append(tail)
    all += packed
    let hash = Hash128(all, 0..<all.count)
    all.appendLittleEndian(hash.low)
    all.appendLittleEndian(hash.high)
    return all
  }

  /// Reads a map, and throws if it is damaged.
  ///
  /// Checks all numbers against the manifest.
  package init(_ bytes: [UInt8], of manifest: BaseManifest, object: String) throws(FormatError) {
    let damage = FormatError(object, "it is not a map of a base, or it is damaged")
    guard bytes.count >= Self.fixed + 16, bytes.starts(with: Self.magic) else { throw damage }
    let end = bytes.count - 16
    let hash = Hash128(bytes, 0..<end)
    guard bytes.littleEndian(at: end) == hash.low, bytes.littleEndian(at: end + 8) == hash.high else {
      throw damage
    }
    let headSize = Int(bytes.littleEndian(UInt32.self, at: 8))
    let tailSize = Int(bytes.littleEndian(UInt32.self, at: 12))
    guard Self.fixed + headSize + tailSize == end else { throw damage }
    let tail = Self.fixed + headSize
    var fields = FieldCursor(bytes, Self.fixed..<tail)
    (frames, unfit) = try Self.frames(&fields, manifest, damage)
    fields = FieldCursor(bytes, tail..<end)
    pages = try Self.pages(&fields, bytes, manifest, damage)
  }

  private static func frames(
    _ fields: inout FieldCursor, _ manifest: BaseManifest, _ damage: FormatError
  ) throws(FormatError) -> (frames: [String: [Frame]], unfit: Set<String>) {
    var sizes: [String: BaseManifest.Part] = [:]
    for part in manifest.parts { sizes[part.digest] = part }
    var found: [String: [Frame]] = [:]
    var unfit: Set<String> = []
    guard let parts = fields.varint(UInt32.self) else { throw damage }
    for _ in 0..<parts {
      guard let digest = fields.take(32), let count = fields.varint(UInt32.self), count <= fields.left else {
        throw damage
      }
      var frames: [Frame] = []
      var total = 0
      for _ in 0..<count {
        guard let size = fields.varint(UInt32.self), size > 0, let hash = fields.fixed(UInt64.self) else {
          throw damage
        }
        total += Int(size)
        frames.append(Frame(size: Int(size), hash: hash))
      }
      guard let part = sizes[hex(digest)] else { continue }
      guard total == part.compressedSize,
        frames.count == (Int(part.pageCount) * manifest.state.pageSize + frameBytes - 1) / frameBytes
      else {
        unfit.insert(part.digest)
        continue
      }
      found[part.digest] = frames
    }
    return (found, unfit)
  }

  private static func pages(
    _ fields: inout FieldCursor, _ bytes: [UInt8], _ manifest: BaseManifest, _ damage: FormatError
  ) throws(FormatError) -> [(number: UInt32, bytes: [UInt8])] {
    let pageSize = manifest.state.pageSize
    guard let count = fields.varint(UInt32.self), Int(count) * pageSize <= largest else { throw damage }
    var numbers: [UInt32] = []
    var last: UInt32 = 0
    for _ in 0..<count {
      guard let step = fields.varint(UInt32.self), step > 0 else { throw damage }
      let (next, isTooLarge) = last.addingReportingOverflow(step)
      guard !isTooLarge, next <= manifest.state.pages else { throw damage }
      last = next
      numbers.append(next)
    }
    guard count > 0 else { return [] }
    let content: [UInt8]
    do throws(CompressionError) {
      content = try Zstandard.decompress(
        bytes, fields.at..<fields.at + fields.left, limit: numbers.count * pageSize)
    } catch {
      throw FormatError(damage.object, error.cause)
    }
    guard content.count == numbers.count * pageSize else { throw damage }
    return numbers.enumerated().map { index, number in
      (number, Array(content[index * pageSize..<(index + 1) * pageSize]))
    }
  }
}
