import Dispatch
import ObjectStore
import Replica
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// Begins the requests that open a moment of a replica together, and hands out their answers.
///
/// A plan asks for one object after the other, because each names the next one. This store lists
/// the whole replica with one request, and reads the lease at the same time. If one page shows all
/// that the newest generation has, the objects that the plan is going to ask for are known, and are
/// fetched at once. All other requests pass through. The answers are kept until `end`.
///
/// May be used from several threads.
final class OpeningStore: ObjectStore {
  private let base: any ObjectStore
  private let state = Mutex(State())
  private let pool = TransferPool("replica.opening", threads: OpeningStore.threads)

  private struct State {
    var page: ListedPage?
    /// Why the store could not be listed, for the first request after it.
    var failure: ObjectStoreError?
    var fetches: [Request: Fetch] = [:]
  }

  struct Request: Hashable {
    let name: String
    let range: Range<Int>?
  }

  private final class Fetch: Sendable {
    let group = DispatchGroup()
    let result = Mutex<Result<ObjectContent, ObjectStoreError>?>(nil)
  }

  private static let threads = 12
  /// Entries of the log, and bytes of merged objects, that are fetched before they are asked for.
  private static let mostEntries = 64
  private static let mostBytes = 16 << 20

  init(_ base: any ObjectStore) { self.base = base }

  var url: String { base.url }
  var encryption: StoreEncryption? { base.encryption }

  // MARK: Beginning and end

  /// Lists the replica, and begins to fetch what a plan for a target needs and the cache lacks.
  func begin(_ target: RestoreTarget, _ cache: ReplicaCache) {
    end()
    if target.isOpen { start([Request(name: ReplicaLayout.lease, range: nil)]) }
    let page: ListedPage
    do throws(ObjectStoreError) {
      page = ListedPage(try base.list(prefix: "", after: nil, limit: 1000))
    } catch {
      state.withLock { $0.failure = error }
      return
    }
    state.withLock { $0.page = page }
    start(requests(page, target, cache))
  }

  /// Forgets the listing: later requests show what has changed since.
  func forgetListing() {
    state.withLock {
      $0.page = nil
      $0.failure = nil
    }
  }

  /// Forgets everything.
  func end() { state.withLock { $0 = State() } }

  /// The requests that a plan is going to make.
  private func requests(_ page: ListedPage, _ target: RestoreTarget, _ cache: ReplicaCache) -> [Request] {
    guard target.generation == nil, let newest = page.newestMark else { return [] }
    var found = [Request(name: ReplicaLayout.mark(newest), range: nil)]
    // If several generations have the number, only the mark shows which one counts.
    guard let contents = page.generation(newest) else { return found }
    let wanted = target.transaction ?? .max
    guard let base = contents.bases.last(where: { $0.transaction <= wanted }) else { return found }
    found.append(Request(name: base.key(in: contents.generation), range: nil))
    let map = Self.mapRequest(base, contents.generation)
    if page.keys.contains(map.name), !cache.knowsMap(map.name) { found.append(map) }
    let entries = contents.unread(after: base.transaction).sorted {
      ($0.transaction, $0.part, $0.previous.value) < ($1.transaction, $1.part, $1.previous.value)
    }
    if entries.count <= Self.mostEntries {
      found += entries.map { Request(name: $0.key, range: 0..<LogEntry.head) }
    }
    // A plan reads the object that holds its end, even if another reader has it on the disk.
    let objects = contents.chain(after: base).objects.filter { $0.transactions.lowerBound <= wanted }
    var bytes = 0
    for object in objects where entries.isEmpty && object == objects.last || !cache.isKept(object, of: url) {
      bytes += object.size
      guard bytes <= Self.mostBytes else { break }
      found.append(Request(name: object.key, range: nil))
    }
    return found
  }

  static func mapRequest(_ base: BaseName, _ generation: GenerationID) -> Request {
    // One byte more than is believed shows that there is more.
    Request(name: BaseMap.key(of: base, in: generation), range: 0..<BaseMap.largest + 1)
  }

  /// Begins requests; returns at once.
  func start(_ requests: [Request]) {
    let fetches: [(Request, Fetch)] = state.withLock { state in
      var new: [(Request, Fetch)] = []
      for request in requests where state.fetches[request] == nil {
        let fetch = Fetch()
        fetch.group.enter()
        state.fetches[request] = fetch
        new.append((request, fetch))
      }
      return new
    }
    guard !fetches.isEmpty else { return }
    let (base, pool) = (base, pool)
    // The pool waits for a free thread, which must not stop the caller.
    DispatchQueue.global().async {
      for (request, fetch) in fetches {
        pool.run {
          let result: Result<ObjectContent, ObjectStoreError>
          do throws(ObjectStoreError) {
            result = .success(try base.get(ObjectKey(request.name), range: request.range))
          } catch {
            result = .failure(error)
          }
          fetch.result.withLock { $0 = result }
          fetch.group.leave()
        }
      }
    }
  }

  // MARK: Requests

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let request = Request(name: key.name, range: range)
    guard let fetch = state.withLock({ $0.fetches[request] }) else { return try base.get(key, range: range) }
    fetch.group.wait()
    guard case .success(let content)? = fetch.result.withLock({ $0 }) else {
      // The caller decides whether it tries again, and then really asks.
      state.withLock { $0.fetches[request] = nil }
      if case .failure(let error)? = fetch.result.withLock({ $0 }) { throw error }
      return try base.get(key, range: range)
    }
    return content
  }

  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let (page, failure) = state.withLock { state in
      defer { state.failure = nil }
      return (state.page, state.failure)
    }
    if let failure { throw failure }
    if after == nil, limit == 1000, let known = page?.objects(beginningWith: prefix) { return known }
    return try base.list(prefix: prefix, after: after, limit: limit)
  }

  func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    try base.put(key, bytes, condition)
  }

  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? { try base.head(key) }
  func delete(_ key: ObjectKey) throws(ObjectStoreError) { try base.delete(key) }
  func time() throws(ObjectStoreError) -> Int64? { try base.time() }
}

/// The first page of the listing of a whole replica, and what it proves.
struct ListedPage: Sendable {
  private let objects: [ObjectInfo]
  private let isTruncated: Bool
  let keys: Set<String>

  init(_ listing: ObjectListing) {
    objects = listing.objects.sorted { $0.key < $1.key }
    isTruncated = listing.isTruncated
    keys = Set(objects.map(\.key.name))
  }

  /// Returns the objects whose keys begin with a prefix if the page shows all of them; else nil.
  func objects(beginningWith prefix: String) -> ObjectListing? {
    guard covers(prefix) else { return nil }
    return ObjectListing(
      objects: objects.filter { $0.key.name.hasPrefix(prefix) }, isTruncated: false)
  }

  /// Whether no further page has keys with this prefix.
  ///
  /// A store may list folder by folder, so that `a/z` comes before `a-b/c`. Therefore the last key
  /// counts only if it is one of a replica.
  private func covers(_ prefix: String) -> Bool {
    guard isTruncated else { return true }
    guard let last = objects.last?.key.name, !last.hasPrefix(prefix),
      prefix.utf8.lexicographicallyPrecedes(last.utf8)
    else { return false }
    return ReplicaLayout.generation(of: last) != nil || last == ReplicaLayout.lease
      || last.hasPrefix(ReplicaLayout.pages)
  }

  /// The newest number that has a mark; nil if there is none, or if the page may lack one.
  var newestMark: UInt32? {
    guard covers(ReplicaLayout.chain) else { return nil }
    return keys.compactMap { ReplicaLayout.markedSequence(of: $0) }.max()
  }

  /// The listing of the only generation with a number; nil if there are several, or if it is not
  /// complete.
  func generation(_ sequence: UInt32) -> GenerationContents? {
    let all = Set(keys.compactMap { ReplicaLayout.generation(of: $0) }.filter { $0.sequence == sequence })
    guard all.count == 1, let generation = all.first, covers(ReplicaLayout.folder(generation)) else {
      return nil
    }
    var contents = GenerationContents(generation: generation)
    for object in objects where object.key.name.hasPrefix(ReplicaLayout.folder(generation)) {
      contents.add(object)
    }
    return contents
  }
}
