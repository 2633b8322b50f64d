internal import Dispatch
package import ObjectStore
package import ReplicaFormat
internal import Synchronization

/// Reads the content of a replica from a store: marks, generations, and the chain of each.
///
/// `ReplicaHistory` follows generations from mark to mark, `GenerationContents` holds the listings
/// of one generation, and `Chain` follows its log. The order of listings and reads is that of rule
/// 13 of `Docs/Protocol.md`.
///
///     let catalog = ReplicaCatalog(store)
///     let history = try ReplicaHistory(catalog)
package struct ReplicaCatalog: Sendable {
  package let store: any ObjectStore
  private let whole = WholeEntries()

  package init(_ store: any ObjectStore) { self.store = store }

  /// Returns the bytes of an entry that was read as a whole during a listing, once; a slot never
  /// changes.
  package func takeEntry(_ key: String) -> [UInt8]? { whole.take(key) }

  /// Returns the same bytes and keeps them for other callers.
  package func entry(_ key: String) -> [UInt8]? { whole.bytes(key) }

  /// How much of a generation is listed.
  package enum Scope: Sendable {
    /// Everything, and the content of each slot.
    case everything
    /// Everything, and the content of the slots that chains need.
    case all
    /// Batches only.
    case batches
    /// Enough for the chain after the newest base; with `batches`, all statements too.
    case newest(batches: Bool)

    fileprivate var toleratesKeys: Bool { if case .everything = self { true } else { false } }
    fileprivate var isNewest: Bool { if case .newest = self { true } else { false } }
    fileprivate var hasBatches: Bool { if case .newest(let batches) = self { batches } else { true } }
  }

  /// Returns the generations that have a folder, in order, also those that are not on the chain,
  /// with one request each.
  package func folders() throws(ObjectStoreError) -> [GenerationID] {
    var found: [GenerationID] = []
    var after: String?
    while true {
      let page = try store.list(prefix: ReplicaLayout.generations, after: after, limit: 1)
      guard let key = page.objects.first?.key.name else { return found }
      guard let generation = ReplicaLayout.generation(of: key) else {
        after = key
        continue
      }
      found.append(generation)
      after = ReplicaLayout.end(of: generation)
    }
  }

  /// Returns the listings of a generation, with the log entries that its chains need.
  ///
  /// Throws a `FormatError` if objects disappear faster than they are listed.
  package func contents(of generation: GenerationID, _ scope: Scope = .all) throws -> GenerationContents {
    var before: GenerationContents?
    var missing: FormatError?
    for _ in 0..<Self.rounds {
      var contents = try listed(generation, scope)
      if let before { contents.adoptEntries(of: before) }
      do {
        try read(contents.unread(scope), into: &contents, toleratesKeys: scope.toleratesKeys)
        return contents
      } catch let error as FormatError where error.isMissing {
        (before, missing) = (contents, error)
      }
    }
    throw missing ?? FormatError(ReplicaLayout.folder(generation), "it changes faster than it can be listed")
  }

  /// The maximum number of listings, because objects may be replaced meanwhile.
  private static let rounds = 8

  /// Lists a generation.
  ///
  /// Several pages are listed until two rounds are equal.
  private func listed(_ generation: GenerationID, _ scope: Scope) throws(ObjectStoreError)
    -> GenerationContents
  {
    if case .batches = scope {
      var contents = GenerationContents(generation: generation)
      for object in try store.listAll(prefix: ReplicaLayout.statements(generation)) { contents.add(object) }
      return contents
    }
    let page = try store.list(prefix: ReplicaLayout.folder(generation), after: nil, limit: 1000)
    var contents = GenerationContents(generation: generation)
    guard page.isTruncated else {
      for object in page.objects { contents.add(object) }
      return contents
    }
    var last = try pages(of: generation, scope)
    for _ in 0..<Self.rounds {
      let next = try pages(of: generation, scope)
      if next.isSame(as: last) { return next }
      last = next
    }
    return last
  }

  private func pages(of generation: GenerationID, _ scope: Scope) throws(ObjectStoreError)
    -> GenerationContents
  {
    var contents = GenerationContents(generation: generation)
    var first: UInt64 = 0
    if scope.isNewest {
      // This is only a hint at which base to begin: replacements are listed after it, below.
      var hint = GenerationContents(generation: generation)
      for object in try store.listAll(prefix: ReplicaLayout.bases(generation)) { hint.add(object) }
      first = hint.bases.last?.transaction ?? 0
      for object in try list(ReplicaLayout.merged(generation), from: first + 1) { hint.add(object) }
      if let base = hint.bases.last { first = hint.chain(after: base).end }
    }
    for object in try list(ReplicaLayout.slots(generation), from: first + 1) { contents.add(object) }
    for object in try store.listAll(prefix: ReplicaLayout.merged(generation)) { contents.add(object) }
    for object in try store.listAll(prefix: ReplicaLayout.bases(generation)) { contents.add(object) }
    if scope.hasBatches {
      for object in try store.listAll(prefix: ReplicaLayout.statements(generation)) { contents.add(object) }
    }
    return contents
  }

  private func list(_ prefix: String, from transaction: UInt64) throws(ObjectStoreError) -> [ObjectInfo] {
    try store.listAll(prefix: prefix, after: prefix + ReplicaLayout.fromTransaction(transaction))
  }

  /// Returns the entries of a log from a transaction on; for a writer or reader that knows a place.
  package func entries(from place: Place) throws -> GenerationContents {
    var missing: FormatError?
    for _ in 0..<Self.rounds {
      var contents = GenerationContents(generation: place.generation)
      for object in try list(ReplicaLayout.slots(place.generation), from: place.transaction) {
        contents.add(object)
      }
      guard !contents.slots.isEmpty else { return contents }
      for object in try list(ReplicaLayout.merged(place.generation), from: place.transaction) {
        contents.add(object)
      }
      do {
        try read(contents.unread(after: place.transaction - 1), into: &contents)
        return contents
      } catch let error as FormatError where error.isMissing {
        missing = error
      }
    }
    throw missing ?? FormatError(place.key, "the log changes faster than it can be listed")
  }

  /// Reads the content of slots, several at once.
  ///
  /// Throws a `FormatError` with `isMissing` if a slot is gone. With `toleratesKeys`, an entry
  /// whose encryption key is missing counts as damaged.
  private func read(
    _ places: [Place], into contents: inout GenerationContents, toleratesKeys: Bool = false
  ) throws {
    guard !places.isEmpty else { return }
    let found = Mutex<[Place: Result<LogEntry, any Error>]>([:])
    let pool = TransferPool("replica.entries", threads: min(places.count, 12))
    let group = DispatchGroup()
    for place in places {
      pool.run(in: group) {
        let result = Result<LogEntry, any Error> {
          var (entry, content) = try self.entry(at: place)
          // The damage may have happened on the way.
          if case .damaged = entry { (entry, content) = try self.entry(at: place) }
          if content.bytes.count < LogEntry.head { self.whole.keep(place.key, content.bytes) }
          return entry
        }
        found.withLock { $0[place] = result }
      }
    }
    group.wait()
    for (place, result) in found.withLock({ $0 }) {
      switch result {
      case .success(let entry): contents.note(entry, at: place)
      case .failure(let error as FormatError):
        guard !error.isMissing else { throw error }
        contents.note(.damaged(error), at: place)
      case .failure(let error as ObjectStoreError) where error.code == .sealed && toleratesKeys:
        contents.note(.damaged(FormatError(place.key, error.cause)), at: place)
      case .failure(let error): throw error
      }
    }
  }

  private func entry(at place: Place) throws -> (LogEntry, ObjectContent) {
    let content = try store.content(of: place.key, 0..<LogEntry.head)
    return (LogEntry(content, at: place), content)
  }

  // MARK: Single objects

  /// Returns the bytes of an object that the replica names; a missing object is damage.
  package func read(_ name: String) throws -> [UInt8] { try store.content(of: name).bytes }

  package func manifest(_ generation: GenerationID, _ base: BaseName) throws -> BaseManifest {
    try manifest(generation, base, bytes: read(base.key(in: generation)))
  }

  /// Returns the manifest in an object that was read already.
  package func manifest(
    _ generation: GenerationID, _ base: BaseName, bytes: [UInt8]
  ) throws(FormatError) -> BaseManifest {
    let key = base.key(in: generation)
    let manifest = try BaseManifest(bytes, object: key)
    guard manifest.generation == generation, manifest.name == base else {
      throw FormatError(
        key, "it is that of generation \(manifest.generation), transaction \(manifest.transaction)")
    }
    return manifest
  }

  /// Returns the mark of a generation's number; nil if there is none.
  package func mark(_ sequence: UInt32) throws -> MarkRecord? {
    let key = try ObjectKey(ReplicaLayout.mark(sequence))
    let bytes: [UInt8]
    do throws(ObjectStoreError) {
      bytes = try store.whole(key).bytes
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    return try MarkRecord(bytes, sequence: sequence)
  }
}

/// Keeps small entries of a log that were read during the listing, so that no caller fetches them
/// again.
private final class WholeEntries: Sendable {
  private static let most = 16 << 20
  private let entries = Mutex<(bytes: [String: [UInt8]], count: Int)>(([:], 0))

  func keep(_ key: String, _ bytes: [UInt8]) {
    entries.withLock { entries in
      guard entries.count + bytes.count <= Self.most, entries.bytes.updateValue(bytes, forKey: key) == nil
      else { return }
      entries.count += bytes.count
    }
  }

  func bytes(_ key: String) -> [UInt8]? { entries.withLock { $0.bytes[key] } }

  func take(_ key: String) -> [UInt8]? {
    entries.withLock { entries in
      guard let bytes = entries.bytes.removeValue(forKey: key) else { return nil }
      entries.count -= bytes.count
      return bytes
    }
  }
}

extension GenerationContents {
  /// Returns whether another listing shows the same objects.
  fileprivate func isSame(as other: GenerationContents) -> Bool {
    bases == other.bases && slots == other.slots && merged == other.merged && batches == other.batches
  }
}

extension ObjectStore {
  /// Returns a whole object, up to the maximum size of its kind.
  ///
  /// Throws `.forged` for a longer object: another try would not help.
  package func whole(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectContent {
    do throws(ObjectStoreError) {
      return try get(key, range: nil)
    } catch {
      guard error.code == .damaged, let size = try head(key)?.size,
        size > ReplicaLayout.largestObject(key.name)
      else { throw error }
      throw ObjectStoreError(
        .forged, verb: "get", object: key.name,
        cause: "its \(size) bytes are more than such an object can have")
    }
  }

  /// Turns a missing or wrong object into a `FormatError`: the replica names it, so it must exist.
  package func content(of name: String, _ range: Range<Int>? = nil) throws -> ObjectContent {
    do throws(ObjectStoreError) {
      guard let range else { return try whole(ObjectKey(name)) }
      return try get(ObjectKey(name), range: range)
    } catch {
      switch error.code {
      case .notFound: throw FormatError(name, "it is missing from \(url)", isMissing: true)
      case .forged: throw FormatError(name, error.cause)
      default: throw error
      }
    }
  }
}
