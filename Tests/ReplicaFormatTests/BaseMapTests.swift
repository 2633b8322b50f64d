import Bytes
import Compression
import ReplicaFormat
import TestSupport
import Testing

/// Tests that maps of bases are read back, and that damaged maps are refused.
@Suite struct BaseMapTests {
  private func example() throws -> (map: BaseMap, manifest: BaseManifest) {
    let pages = 100
    let parts = [
      BaseManifest.Part(
        firstPage: 1, pageCount: 64, digest: String(repeating: "ab", count: 32), compressedSize: 700),
      BaseManifest.Part(
        firstPage: 65, pageCount: 36, digest: String(repeating: "cd", count: 32), compressedSize: 300),
    ]
    let manifest = BaseManifest(
      generation: try #require(GenerationID("00000001-5f3a9c21")), name: BaseName(7, id: EntryID(9)), time: 0,
      state: DatabaseState(pageSize: 4096, pages: UInt32(pages), checksum: .zero), parts: parts)
    var map = BaseMap()
    map.frames[parts[0].digest] = [BaseMap.Frame(size: 400, hash: 5), BaseMap.Frame(size: 300, hash: 6)]
    map.frames[parts[1].digest] = [BaseMap.Frame(size: 200, hash: 7), BaseMap.Frame(size: 100, hash: .max)]
    map.pages = [(1, [UInt8](repeating: 1, count: 4096)), (99, [UInt8](repeating: 9, count: 4096))]
    return (map, manifest)
  }

  @Test func isReadAsItWasWritten() throws {
    let (map, manifest) = try example()
    let read = try BaseMap(map.bytes, of: manifest, object: "m")
    #expect(read.frames == map.frames)
    #expect(read.pages.map(\.number) == [1, 99])
    #expect(read.pages.map(\.bytes) == map.pages.map(\.bytes))
    #expect(
      BaseMap.key(of: manifest.name, in: manifest.generation).hasSuffix(
        "/base/0000000000000007-0000000000000009.map"))
    #expect(BaseMap.base(key: BaseMap.key(of: manifest.name, in: manifest.generation)) == manifest.name)
    #expect(BaseMap.base(key: manifest.key) == nil)
  }

  @Test func framesThatDoNotFitTheManifestAreIgnored() throws {
    var (map, manifest) = try example()
    map.frames[manifest.parts[0].digest] = [BaseMap.Frame(size: 400, hash: 5)]
    map.frames[manifest.parts[1].digest] = [
      BaseMap.Frame(size: 200, hash: 7), BaseMap.Frame(size: 101, hash: 8),
    ]
    map.frames[String(repeating: "ef", count: 32)] = [BaseMap.Frame(size: 1, hash: 1)]
    #expect(try BaseMap(map.bytes, of: manifest, object: "m").frames.isEmpty)
  }

  /// Changes bytes at random, with a wrong hash and with a correct one.
  ///
  /// With a wrong hash the map is refused. With a correct one it is refused, or its pages are in
  /// range.
  @Test func damageIsRefusedOrHarmless() throws {
    let (map, manifest) = try example()
    var random = Seeded()
    for round in 0..<3000 {
      var bytes = map.bytes
      for _ in 0...random.next() % 3 {
        bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(random.next() % 255 + 1)
      }
      if random.next() % 4 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      if round % 2 == 0 {
        #expect(throws: FormatError.self) { try BaseMap(bytes, of: manifest, object: "m") }
      } else if bytes.count > 32 {
        let hash = Hash128(bytes, 0..<bytes.count - 16)
        bytes.removeLast(16)
        bytes.appendLittleEndian(hash.low)
        bytes.appendLittleEndian(hash.high)
        let read = try? BaseMap(bytes, of: manifest, object: "m")
        for page in read?.pages ?? [] {
          #expect(page.number >= 1 && page.number <= 100 && page.bytes.count == 4096)
        }
      }
    }
  }
}
