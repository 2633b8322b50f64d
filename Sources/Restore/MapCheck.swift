import Bytes
import Compression
import ReplicaFormat
import Synchronization

/// What the parts of bases really hold of that which maps describe: their frames, and pages that lead to others.
///
/// `BaseWriter` notes each part that it finds right, on several threads. `GenerationCheck` then
/// compares the maps with it.
final class PartContents: Sendable {
  struct Part {
    var frames: [BaseMap.Frame] = []
    /// Hashes of the pages that a map may copy, by their place in the part.
    var pages: [UInt32: Hash128] = [:]
  }

  private let parts = Mutex<[String: Part]>([:])

  /// Notes a part that was found right.
  func note(_ part: Part, _ digest: String) { parts.withLock { $0[digest] = part } }

  /// Returns a sentence for each way in which a map does not fit its base.
  func faults(of map: BaseMap, _ manifest: BaseManifest) -> [String] {
    let known = parts.withLock { $0 }
    var found = map.unfit.sorted().map {
      "it describes \(ReplicaLayout.part($0)) in another way than the manifest"
    }
    for part in manifest.parts {
      guard let frames = map.frames[part.digest], let real = known[part.digest] else { continue }
      if frames != real.frames {
        found.append("its frames of \(ReplicaLayout.part(part.digest)) are not those of the part")
      }
    }
    var part = 0
    for page in map.pages {
      while part + 1 < manifest.parts.count, manifest.parts[part + 1].firstPage <= page.number { part += 1 }
      guard manifest.parts.indices.contains(part), let real = known[manifest.parts[part].digest] else {
        continue
      }
      let copy = Hash128(page.bytes, 0..<page.bytes.count)
      if real.pages[page.number - manifest.parts[part].firstPage] != copy {
        found.append("its copy of page \(page.number) is not the page of the base")
        break
      }
    }
    return found
  }
}

/// Collects the contents of one part while it is decompressed.
struct PartContentsBuilder {
  private var part = PartContents.Part()
  private let sizes: [Int]
  private let first: UInt32
  private let pageSize: Int
  private var page: UInt32 = 0

  init(_ bytes: [UInt8], first: UInt32, pageSize: Int) {
    sizes = Zstandard.frameSizes(bytes)
    self.first = first
    self.pageSize = pageSize
  }

  /// Adds the first bytes of an array; all but the last call bring whole frames.
  mutating func add(_ pages: [UInt8], count: Int) {
    for start in stride(from: 0, to: count, by: BaseMap.frameBytes) {
      let number = part.frames.count
      let hash = Hash128(pages, start..<min(start + BaseMap.frameBytes, count)).low
      part.frames.append(BaseMap.Frame(size: sizes.indices.contains(number) ? sizes[number] : 0, hash: hash))
    }
    for start in stride(from: 0, to: count - pageSize + 1, by: pageSize) {
      let number = first + page
      if number == 1 || BaseMap.isInterior(pages, at: start, number: number) {
        part.pages[page] = Hash128(pages, start..<start + pageSize)
      }
      page += 1
    }
  }

  var contents: PartContents.Part { part }
}

extension GenerationCheck {
  /// Checks the map of a base whose parts were read; a base without a map is none the worse.
  func checkMap(of manifest: BaseManifest) throws {
    let name = BaseMap.key(of: manifest.name, in: manifest.generation)
    do {
      let map = try source.readMap(name, of: manifest)
      for fault in partContents.faults(of: map, manifest) { note(name, fault) }
    } catch let error as FormatError {
      if !error.isMissing { note(name, error.cause) }
    }
  }
}

extension ObjectSource {
  fileprivate func readMap(_ name: String, of manifest: BaseManifest) throws -> BaseMap {
    var isAgain = false
    while true {
      let bytes = try head(name, count: BaseMap.largest + 1)
      do {
        guard bytes.count <= BaseMap.largest else {
          throw FormatError(name, "it is longer than \(BaseMap.largest) bytes")
        }
        return try BaseMap(bytes, of: manifest, object: name)
      } catch {
        // The damage may have been done on the way.
        guard !isAgain else { throw error }
        isAgain = true
      }
    }
  }
}
