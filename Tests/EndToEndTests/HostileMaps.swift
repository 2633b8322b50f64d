import Bytes
import Compression
import Foundation
import ReplicaFormat
import TestSupport

/// Maps of bases that an attacker has written.
extension HostileCase {
  static let maps = [
    HostileCase("a map that is cut short") { replica in
      let (key, manifest) = try replica.lastBase()
      try replica.put(key, Array(replica.map(of: manifest).bytes.dropLast(20)))
    },
    HostileCase("a map whose head claims 4 GB") { replica in
      try replica.putMap(head: .max, tail: 0, [])
    },
    HostileCase("a map whose lengths overflow") { replica in
      try replica.putMap(head: .max, tail: .max, [0, 0])
    },
    HostileCase("a map of 2^32 - 1 parts") { replica in
      try replica.putMap(head: 5, tail: 1, [0xff, 0xff, 0xff, 0xff, 0x0f, 0])
    },
    HostileCase("a map of 2^32 - 1 frames") { replica in
      let (_, manifest) = try replica.lastBase()
      let digest = Digest32.bytes(manifest.parts.first?.digest ?? "")
      try replica.putMap(head: 38, tail: 1, [1] + digest + [0xff, 0xff, 0xff, 0xff, 0x0f, 0])
    },
    HostileCase("a map of 2^32 - 1 pages") { replica in
      try replica.putMap(head: 1, tail: 5, [0, 0xff, 0xff, 0xff, 0xff, 0x0f])
    },
    HostileCase("a map whose page numbers overflow") { replica in
      try replica.putMap(
        head: 1, tail: 11,
        [0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f])
    },
    HostileCase("a map of pages that expand to 256 MB") { replica in
      let content = Zstandard.compress([UInt8](repeating: 0, count: 256 << 20))
      try replica.putMap(head: 1, tail: UInt32(2 + content.count), [0, 1, 1] + content)
    },
    HostileCase("a map with frames of other lengths") { replica in
      let (key, manifest) = try replica.lastBase()
      var map = replica.map(of: manifest)
      map.frames = map.frames.mapValues { $0.map { BaseMap.Frame(size: Int(UInt32.max), hash: $0.hash) } }
      try replica.put(key, map.bytes)
    },
    HostileCase("a map with frames of other hashes") { replica in
      let (key, manifest) = try replica.lastBase()
      try replica.put(key, replica.map(of: manifest).bytes)
    },
    HostileCase("a map of 3 GB") { replica in
      try replica.enlarge(replica.lastBase().map, to: 3 << 30)
    },
  ]
}

private enum Digest32 {
  /// The bytes of 64 hexadecimal digits.
  static func bytes(_ text: String) -> [UInt8] {
    let digits = Array(text)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
  }
}

extension HostileReplica {
  /// The newest base, and the name of its map.
  func lastBase() throws -> (map: String, manifest: BaseManifest) {
    let folder = ReplicaLayout.bases(generation)
    let names = try names(folder).filter { $0.hasSuffix(".txt") }
    let key = folder + (names.last ?? "")
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: work.replica.path(key))))
    let manifest = try BaseManifest(bytes, object: key)
    return (BaseMap.key(of: manifest.name, in: generation), manifest)
  }

  /// A map that fits the manifest, with wrong hashes.
  func map(of manifest: BaseManifest) -> BaseMap {
    var map = BaseMap()
    for part in manifest.parts {
      map.frames[part.digest] = [BaseMap.Frame(size: part.compressedSize, hash: 7)]
    }
    return map
  }

  /// Writes a map with these lengths and this content, and a hash that fits.
  func putMap(head: UInt32, tail: UInt32, _ content: [UInt8]) throws {
    var bytes = Array("SQLCS3M1".utf8)
    bytes.appendLittleEndian(head)
    bytes.appendLittleEndian(tail)
    bytes += content
    let hash = Hash128(bytes, 0..<bytes.count)
    bytes.appendLittleEndian(hash.low)
    bytes.appendLittleEndian(hash.high)
    try put(lastBase().map, bytes)
  }
}
