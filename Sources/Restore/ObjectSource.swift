import Dispatch
import Files
import ObjectStore
package import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Reads a replica's objects, and retries while the store is away.
///
/// Transient failures are retried with growing, jittered pauses until nothing has arrived for
/// `patience` seconds, or for a few seconds if the store has never answered. After a failure an
/// object is fetched in pieces, so that bytes which arrived are kept. May be used from several
/// threads.
package final class ObjectSource: Sendable {
  package let catalog: ReplicaCatalog
  private let patience: Double
  private let isInterrupted: (@Sendable () -> Bool)?
  /// Whether an interruption ends all reading, not only the running reads.
  private let staysInterrupted: Bool
  private struct State {
    /// Nil before the store's first answer.
    var lastArrival: Double?
    var isStopped = false
    var objects = 0
    var bytes = 0
    /// Bytes from an earlier run, and the total to read.
    var kept = 0
    var expected = 0
    /// Bytes that had arrived, or were there, when the last plan was made from the start.
    var before = 0
  }
  private let state = Mutex(State())

  /// Seconds before it gives up on a store that has never answered: usually its name or the network
  /// is wrong.
  private static let firstPatience = 5.0
  /// The size of a piece after a whole object did not arrive.
  private static let piece = 1 << 20

  /// Creates a source.
  ///
  /// Without `staysInterrupted`, the next call after a Ctrl-C reads again. A session needs this,
  /// because it continues.
  package init(
    _ catalog: ReplicaCatalog, patience: Double, staysInterrupted: Bool = true,
    isInterrupted: (@Sendable () -> Bool)? = nil
  ) {
    self.catalog = catalog
    self.patience = patience
    self.staysInterrupted = staysInterrupted
    self.isInterrupted = isInterrupted
  }

  /// Returns a source with the same limits that reads through another store.
  func reading(through store: any ObjectStore) -> ObjectSource {
    ObjectSource(
      ReplicaCatalog(store), patience: patience, staysInterrupted: staysInterrupted,
      isInterrupted: isInterrupted)
  }

  /// Objects read so far, and their bytes.
  package var read: (objects: Int, bytes: Int) { state.withLock { ($0.objects, $0.bytes) } }

  /// Bytes that have arrived or were there already, and the total.
  package var progress: (done: Int, total: Int?) {
    state.withLock { ($0.bytes + $0.kept - $0.before, $0.expected > 0 ? $0.expected : nil) }
  }

  /// Adds this number of bytes to the total.
  func expect(_ bytes: Int) { state.withLock { $0.expected += bytes } }

  /// Begins to count again, with this number of bytes already there.
  func expectAnew(_ bytes: Int) {
    state.withLock {
      $0.before = $0.bytes + $0.kept
      $0.expected = bytes
    }
  }

  /// Sets the number of bytes left to read.
  func expectLeft(_ bytes: Int) {
    state.withLock { $0.expected = $0.bytes + $0.kept - $0.before + bytes }
  }

  /// Counts bytes that were there already.
  func noteKept(_ bytes: Int) { state.withLock { $0.kept += bytes } }

  /// Ends all reading: waits end, and arriving bytes are not used.
  package func stop() { state.withLock { $0.isStopped = true } }

  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Throws `.interrupted` after Ctrl-C or `stop`.
  package func checkInterrupt() throws(RestoreError) {
    if isInterrupted?() == true {
      guard staysInterrupted else { throw RestoreError(.interrupted, "interrupted") }
      stop()
    }
    if isStopped { throw RestoreError(.interrupted, "interrupted") }
  }

  /// Returns the bytes of an object, up to its listed size; a missing object is a `.missing` error
  /// with its name.
  package func read(_ name: String, told: Int? = nil) throws -> [UInt8] {
    if let bytes = catalog.takeEntry(name), bytes.count <= told ?? .max {
      state.withLock {
        $0.objects += 1
        $0.bytes += bytes.count
      }
      return bytes
    }
    let limit = min(told ?? .max, ReplicaLayout.largestObject(name))
    var pieces = Pieces(limit: limit)
    let bytes = try retry { attempt in
      if attempt == 0 {
        guard told != nil else { return try catalog.read(name) }
        // The size may be wrong: no more bytes than expected come into memory.
        return try Pieces.limited(catalog.store.content(of: name, 0..<limit + 1).bytes, name, limit)
      }
      while !pieces.isWhole {
        try checkInterrupt()
        try pieces.add(catalog, name, count: Self.piece)
        state.withLock { $0.lastArrival = Clock.monotonicSeconds }
      }
      return pieces.bytes
    }
    state.withLock {
      $0.objects += 1
      $0.bytes += bytes.count
    }
    return bytes
  }

  /// The bytes of an object that does not fit into memory.
  static let longObject = 64 << 20

  /// Returns an object piece by piece from its beginning, an empty piece at its end.
  func open(_ name: String) -> () throws -> [UInt8] {
    var at = 0
    var isDone = false
    return {
      guard !isDone else { return [] }
      let limit = ReplicaLayout.largestObject(name)
      let bytes = try self.retry { _ in
        try self.catalog.store.content(of: name, at..<at + 4 * Self.piece).bytes
      }
      at += bytes.count
      isDone = bytes.count < 4 * Self.piece
      guard at <= limit else { throw FormatError(name, "it is longer than \(limit) bytes") }
      return bytes
    }
  }

  /// Returns a batch of this listed size; a long one is read piece by piece.
  func batch(_ name: String, told: Int?) throws -> StatementScript {
    guard let told, told > Self.longObject else {
      return try read(name, told: told) { try StatementScript($0, object: name) }
    }
    let limit = ReplicaLayout.largestObject(name)
    guard told <= limit else { throw FormatError(name, "it is longer than \(limit) bytes") }
    return try StatementScript(object: name) { self.open(name) }
  }

  /// Returns the first bytes of an object, at most `count`.
  func head(_ name: String, count: Int) throws -> [UInt8] {
    let bytes = try retry { _ in try catalog.store.content(of: name, 0..<count).bytes }
    state.withLock {
      $0.objects += 1
      $0.bytes += bytes.count
    }
    return bytes
  }

  /// Returns what `parse` makes of an object.
  ///
  /// A damaged object is fetched once more, because it may have been damaged on the way.
  package func read<Value>(
    _ name: String, told: Int? = nil, as parse: ([UInt8]) throws -> Value
  ) throws -> Value {
    do {
      return try parse(read(name, told: told))
    } catch is FormatError {
      return try parse(read(name, told: told))
    }
  }

  /// Retries transient failures; `body` gets the number of earlier calls.
  package func retry<Value>(_ body: (_ attempt: Int) throws -> Value) throws -> Value {
    var attempt = 0
    let began = Clock.monotonicSeconds
    while true {
      try checkInterrupt()
      do {
        let value = try body(attempt)
        state.withLock { $0.lastArrival = Clock.monotonicSeconds }
        return value
      } catch let error as ObjectStoreError where error.isTransient {
        let last = state.withLock { $0.lastArrival }
        let limit = last == nil ? min(patience, Self.firstPatience) : patience
        guard Clock.monotonicSeconds - max(began, last ?? began) < limit else { throw error }
        attempt += 1
        try pause(RetryPolicy.pause(after: attempt, longest: RetryPolicy.longestForReader))
      }
    }
  }

  /// Waits; throws `.interrupted` after Ctrl-C.
  func pause(_ seconds: Double) throws {
    try Clock.wait(seconds: seconds) {
      try checkInterrupt()
      return false
    }
  }
}

/// An object that arrives in pieces.
private struct Pieces {
  let limit: Int
  private(set) var bytes: [UInt8] = []
  private(set) var isWhole = false
  private var etag: ETag?

  init(limit: Int) { self.limit = limit }

  static func limited(_ bytes: [UInt8], _ name: String, _ limit: Int) throws(FormatError) -> [UInt8] {
    guard bytes.count <= limit else { throw FormatError(name, "it is longer than \(limit) bytes") }
    return bytes
  }

  mutating func add(_ catalog: ReplicaCatalog, _ name: String, count: Int) throws {
    let part = try catalog.store.content(of: name, bytes.count..<bytes.count + count)
    guard etag == nil || etag == part.etag else {
      // Another object has replaced it: read from the start.
      self = Pieces(limit: limit)
      return
    }
    etag = part.etag
    bytes = try Self.limited(bytes + part.bytes, name, limit)
    isWhole = part.bytes.count < count
  }
}
