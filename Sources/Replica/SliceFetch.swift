internal import Dispatch
internal import ObjectStore
internal import ReplicaCatalog
internal import ReplicaFormat
internal import Synchronization

/// Fetches objects of a chain in order, some of them ahead, and checks that each is the expected
/// one.
final class SliceFetch {
  private let access: ReplicaAccess
  private let disk: DiskCache?
  private let objects: [ChainObject]
  private let generation: GenerationID
  private let pool: TransferPool
  private var started = 0
  private var taken = 0
  private let arrivals = Arrivals()

  /// The objects that have arrived, by their index.
  private final class Arrivals: Sendable {
    let results = Mutex<[Int: Result<[UInt8], any Error>]>([:])
    let signal = DispatchSemaphore(value: 0)
  }

  private static let threads = 8
  /// Maximum bytes of objects that are being fetched or not used yet.
  private static let window = 16 << 20
  private var outstanding = 0

  init(_ access: ReplicaAccess, _ disk: DiskCache?, objects: [ChainObject], generation: GenerationID) {
    self.access = access
    self.disk = disk
    self.objects = objects
    self.generation = generation
    pool = TransferPool("replica.slices", threads: max(min(Self.threads, objects.count), 1))
    start()
  }

  private func start() {
    while started < objects.count, started - taken < Self.threads,
      outstanding == 0 || outstanding + objects[started].size <= Self.window
    {
      let number = started
      let object = objects[number]
      started += 1
      outstanding += object.size
      let (access, disk, arrivals) = (access, disk, arrivals)
      pool.run {
        let result = Result { try Self.bytes(access, disk, object) }
        arrivals.results.withLock { $0[number] = result }
        arrivals.signal.signal()
      }
    }
  }

  /// Returns the next object.
  func next() throws -> SliceFrames {
    let number = taken
    while true {
      try access.checkInterrupt()
      if let result = arrivals.results.withLock({ $0.removeValue(forKey: number) }) {
        taken += 1
        outstanding -= objects[number].size
        start()
        return try Self.parsed(access, disk, objects[number], generation, result.get())
      }
      _ = arrivals.signal.wait(timeout: .now() + 0.05)
    }
  }

  /// Fetches one object.
  static func read(
    _ access: ReplicaAccess, _ disk: DiskCache?, _ object: ChainObject, _ generation: GenerationID
  ) throws -> SliceFrames {
    try parsed(access, disk, object, generation, bytes(access, disk, object))
  }

  /// The name of an object in the cache on the disk.
  static func key(_ url: String, _ object: ChainObject) -> String {
    "\(url) \(object.key) \(object.id) \(object.size)"
  }

  private static func bytes(
    _ access: ReplicaAccess, _ disk: DiskCache?, _ object: ChainObject
  ) throws -> [UInt8] {
    if let bytes = disk?.bytes(key(access.url, object)) { return bytes }
    return try access.read(object.key, nil)
  }

  /// Checks and decodes an object.
  ///
  /// Fetches a damaged object once more, because the damage may have happened in transit or in the
  /// cache.
  private static func parsed(
    _ access: ReplicaAccess, _ disk: DiskCache?, _ object: ChainObject, _ generation: GenerationID,
    _ bytes: [UInt8]
  ) throws -> SliceFrames {
    var bytes = bytes
    let reader: SliceReader
    do {
      reader = try SliceReader(bytes, as: object, of: generation)
    } catch {
      guard !error.isMissing else { throw error }
      bytes = try access.read(object.key, nil)
      reader = try SliceReader(bytes, as: object, of: generation)
    }
    disk?.keep(bytes, key(access.url, object))
    return SliceFrames(reader)
  }
}
