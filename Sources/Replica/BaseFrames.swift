internal import Bytes
internal import Compression
internal import Digest
internal import Dispatch
internal import ObjectStore
internal import ReplicaFormat
internal import Synchronization

/// Fetches frames of a base's parts on demand, checks their hashes, and caches them.
///
/// May be used on several threads at once.
final class BaseFrames: Sendable {
  private let access: ReplicaAccess
  private let disk: DiskCache?
  private let manifest: BaseManifest
  private let map: BaseMap?
  /// The offsets of all frames in each part's object, and the object's end; nil if they are
  /// unknown.
  private let offsets: [[Int]?]
  private let pool = TransferPool("replica.frames", threads: 8)
  private let state: Mutex<State>

  /// Identifies a frame by the index of its part, and its own index in the part.
  struct Place: Hashable, Sendable {
    let part: Int
    let frame: Int
  }

  private struct State {
    var frames: RecentlyUsed<Place, [UInt8]>
    /// Frames that a thread is fetching now.
    var pending: [Place: DispatchGroup] = [:]
    /// The number of fetches ahead that are queued or running.
    var ahead = 0
  }

  /// Maximum bytes of stored frames in one request ahead.
  private static let run = 1 << 20
  /// Maximum number of fetches ahead; equal to the pool's threads, so that no fetch waits for a
  /// thread.
  private static let mostAhead = 8

  init(
    _ access: ReplicaAccess, _ disk: DiskCache?, _ manifest: BaseManifest, map: BaseMap?, memory: Int
  ) {
    self.access = access
    self.disk = disk
    self.manifest = manifest
    self.map = map
    state = Mutex(State(frames: RecentlyUsed(limit: memory)))
    offsets = manifest.parts.map { part in
      map?.frames[part.digest].map { frames in
        frames.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.size) }
      }
    }
  }

  private var pageSize: Int { manifest.state.pageSize }
  private var pagesPerFrame: UInt32 { UInt32(BaseMap.frameBytes / pageSize) }

  /// Returns the frame that holds a page of the base, and the page's offset in the frame.
  func place(of page: UInt32) -> (place: Place, offset: Int) {
    var (low, high) = (0, manifest.parts.count)
    while low + 1 < high {
      let middle = (low + high) / 2
      if manifest.parts[middle].firstPage <= page { low = middle } else { high = middle }
    }
    let index = page - manifest.parts[low].firstPage
    return (
      Place(part: low, frame: Int(index / pagesPerFrame)), Int(index % pagesPerFrame) * pageSize
    )
  }

  private func contentSize(_ place: Place) -> Int {
    min(
      BaseMap.frameBytes,
      Int(manifest.parts[place.part].pageCount) * pageSize - place.frame * BaseMap.frameBytes)
  }

  private func cacheKey(_ place: Place) -> String {
    "\(manifest.parts[place.part].digest) \(place.frame) \(pageSize)"
  }

  // MARK: One frame

  /// Returns the pages of a frame, and fetches it if no cache holds it.
  func frame(_ place: Place) throws -> [UInt8] {
    while true {
      try access.checkInterrupt()
      let (found, other): ([UInt8]?, DispatchGroup?) = state.withLock { state in
        if let bytes = state.frames.value(place) { return (bytes, nil) }
        if let group = state.pending[place] { return (nil, group) }
        let group = DispatchGroup()
        group.enter()
        state.pending[place] = group
        return (nil, nil)
      }
      if let found { return found }
      guard let other else { break }
      // Another thread is fetching it. If that fails, this call fetches it and throws its own
      // error.
      while other.wait(timeout: .now() + 0.05) == .timedOut { try access.checkInterrupt() }
    }
    defer { finish([place]) }
    if let bytes = kept(place) {
      note(bytes, place)
      return bytes
    }
    return try fetch(place.part, place.frame..<place.frame + 1)[0]
  }

  /// Returns whether a frame is in memory.
  func isAtHand(_ place: Place) -> Bool { state.withLock { $0.frames.contains(place) } }

  private func note(_ bytes: [UInt8], _ place: Place) {
    state.withLock { $0.frames.insert(bytes, place, cost: bytes.count) }
  }

  private func finish(_ places: [Place]) {
    let groups = state.withLock { state in places.compactMap { state.pending.removeValue(forKey: $0) } }
    for group in groups { group.leave() }
  }

  /// Returns a frame from the cache on the disk; nil if it is not there or damaged.
  private func kept(_ place: Place) -> [UInt8]? {
    guard let disk, let bytes = disk.bytes(cacheKey(place)),
      let content = try? Zstandard.decompress(bytes, 0..<bytes.count, limit: contentSize(place)),
      content.count == contentSize(place), isProven(content, place)
    else { return nil }
    return content
  }

  /// Returns whether the map's hash fits; true without a map, because the cache's own hash was
  /// checked.
  private func isProven(_ content: [UInt8], _ place: Place) -> Bool {
    guard let frames = map?.frames[manifest.parts[place.part].digest] else { return true }
    return Hash128(content, 0..<content.count).low == frames[place.frame].hash
  }

  // MARK: Fetching

  /// Fetches consecutive frames of one part with one request, and caches them.
  private func fetch(_ part: Int, _ range: Range<Int>) throws -> [[UInt8]] {
    if let offsets = offsets[part] {
      for _ in 0..<2 {
        if let frames = try ranged(part, range, offsets) { return frames }
      }
    }
    return try whole(part, range)
  }

  /// Fetches frames by the map's offsets; nil if the bytes do not fit the map.
  private func ranged(_ part: Int, _ range: Range<Int>, _ offsets: [Int]) throws -> [[UInt8]]? {
    let start = offsets[range.lowerBound]
    let end = offsets[range.upperBound]
    let bytes = try access.read(ReplicaLayout.part(manifest.parts[part].digest), start..<end)
    guard bytes.count == end - start else { return nil }
    var frames: [[UInt8]] = []
    for index in range {
      let place = Place(part: part, frame: index)
      let stored = offsets[index] - start..<offsets[index + 1] - start
      guard let content = try? Zstandard.decompress(bytes, stored, limit: contentSize(place)),
        content.count == contentSize(place), isProven(content, place)
      else { return nil }
      note(content, place)
      disk?.keep(Array(bytes[stored]), cacheKey(place))
      frames.append(content)
    }
    return frames
  }

  /// Fetches a whole part, and checks it against the hash in its name.
  private func whole(_ number: Int, _ range: Range<Int>) throws -> [[UInt8]] {
    let part = manifest.parts[number]
    let name = ReplicaLayout.part(part.digest)
    var bytes = try access.read(name, nil)
    if (try? prove(bytes, part, name)) == nil {
      // The damage may have happened in transit.
      bytes = try access.read(name, nil)
      try prove(bytes, part, name)
    }
    var found: [[UInt8]] = []
    do {
      let reader = try ZstandardReader(bytes, 0..<bytes.count)
      let count = (Int(part.pageCount) * pageSize + BaseMap.frameBytes - 1) / BaseMap.frameBytes
      for index in 0..<count {
        try access.checkInterrupt()
        let place = Place(part: number, frame: index)
        var content = [UInt8](repeating: 0, count: contentSize(place))
        try reader.read(into: &content, at: 0, count: content.count)
        note(content, place)
        disk?.keep(Zstandard.compress(content, level: 1), cacheKey(place))
        if range.contains(index) { found.append(content) }
      }
    } catch let error as CompressionError {
      throw FormatError(name, error.cause)
    }
    return found
  }

  private func prove(_ bytes: [UInt8], _ part: BaseManifest.Part, _ name: String) throws {
    guard bytes.count == part.compressedSize else {
      throw FormatError(name, "it has \(bytes.count) bytes, the base's manifest says \(part.compressedSize)")
    }
    var sha = SHA256()
    do {
      let reader = try ZstandardReader(bytes, 0..<bytes.count)
      var content = [UInt8](repeating: 0, count: BaseMap.frameBytes)
      let size = Int(part.pageCount) * pageSize
      for start in stride(from: 0, to: size, by: content.count) {
        try access.checkInterrupt()
        let count = min(content.count, size - start)
        try reader.read(into: &content, at: 0, count: count)
        sha.update(content[..<count])
      }
    } catch let error as CompressionError {
      throw FormatError(name, error.cause)
    }
    guard manifest.naming.digest(sha256: sha.finish()) == part.digest else {
      throw FormatError(name, "its content is damaged")
    }
  }

  // MARK: Ahead

  /// Starts fetching frames that will be needed soon, consecutive ones together, and returns at
  /// once.
  ///
  /// Fetches nothing ahead from parts without a map, because one page would cost a whole part of up
  /// to 16 MiB.
  func prefetch(_ places: [Place]) {
    var seen: Set<Place> = []
    let sorted = places.filter { offsets[$0.part] != nil && seen.insert($0).inserted }
      .sorted { ($0.part, $0.frame) < ($1.part, $1.frame) }
    var at = 0
    while at < sorted.count {
      let (first, offsets) = (sorted[at], offsets[sorted[at].part] ?? [])
      var end = at + 1
      while end < sorted.count, sorted[end].part == first.part,
        sorted[end].frame == sorted[end - 1].frame + 1,
        offsets[sorted[end].frame + 1] - offsets[first.frame] <= Self.run
      {
        end += 1
      }
      begin(Array(sorted[at..<end]))
      at = end
    }
  }

  private func begin(_ run: [Place]) {
    let wanted: [Place] = state.withLock { state in
      guard state.ahead < Self.mostAhead else { return [] }
      let wanted = run.filter { state.pending[$0] == nil && !state.frames.contains($0) }
      guard !wanted.isEmpty else { return [] }
      for place in wanted {
        let group = DispatchGroup()
        group.enter()
        state.pending[place] = group
      }
      state.ahead += 1
      return wanted
    }
    guard let first = wanted.first else { return }
    pool.run {
      defer {
        self.finish(wanted)
        self.state.withLock { $0.ahead -= 1 }
      }
      var missing: [Place] = []
      for place in wanted {
        if let bytes = self.kept(place) { self.note(bytes, place) } else { missing.append(place) }
      }
      // Some frames between them may be in the cache. To fetch those again is cheaper than a second
      // request.
      guard let from = missing.first, let to = missing.last else { return }
      _ = try? self.fetch(first.part, from.frame..<to.frame + 1)
    }
  }
}
