import Foundation
package import ObjectStore
import Synchronization

/// A store over another one that fails on demand, and counts its calls.
package final class FaultyStore: ObjectStore {
  package enum Kind: Hashable, Sendable, CaseIterable {
    case put, get, head, list, delete
  }

  package enum Fault: Sendable {
    /// Nothing is done.
    case refuse(ObjectStoreError.Code)
    /// It is done, but the answer is lost.
    case loseAnswer
    /// It is done later.
    case delay(seconds: Double)
    /// A get returns only this number of bytes.
    case truncate(to: Int)
    /// A listing lacks its newest (last) objects, and claims to be complete.
    case listLate(missing: Int)
    /// A listing ends after this number of objects, and is marked as truncated.
    case listPart(of: Int)
  }

  private struct State {
    var calls: [Kind: Int] = [:]
    var bytesPut = 0
    var planned: [Kind: [Int: Fault]] = [:]
    var standing: [Kind: Fault] = [:]
    var isDown = false
    var latency = 0.0
  }

  package let base: any ObjectStore
  private let state = Mutex(State())

  package init(_ base: any ObjectStore) { self.base = base }

  package var url: String { base.url }
  package var encryption: StoreEncryption? { base.encryption }

  /// Fails the `nth` call of a kind, counted from the store's first.
  package func plan(_ fault: Fault, for kind: Kind, at nth: Int) {
    state.withLock { $0.planned[kind, default: [:]][nth] = fault }
  }

  /// Fails every call of a kind until nil ends it.
  package func always(_ fault: Fault?, for kind: Kind) {
    state.withLock { $0.standing[kind] = fault }
  }

  /// Whether the store is unreachable.
  package var isDown: Bool {
    get { state.withLock { $0.isDown } }
    set { state.withLock { $0.isDown = newValue } }
  }

  /// Additional seconds for every call.
  package var latency: Double {
    get { state.withLock { $0.latency } }
    set { state.withLock { $0.latency = newValue } }
  }

  /// Calls of a kind so far, including failed ones.
  package func calls(_ kind: Kind) -> Int { state.withLock { $0.calls[kind] ?? 0 } }

  /// Calls of all kinds so far.
  package var calls: Int { state.withLock { $0.calls.values.reduce(0, +) } }

  /// Bytes of puts, including failed ones.
  package var bytesPut: Int { state.withLock { $0.bytesPut } }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    state.withLock { $0.bytesPut += bytes.count }
    let fault = try begin(.put, "put", key.name)
    let etag = try base.put(key, bytes, condition)
    try end(fault, "put", key.name)
    return etag
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let fault = try begin(.get, "get", key.name)
    let content = try base.get(key, range: range)
    try end(fault, "get", key.name)
    guard case .truncate(let count) = fault else { return content }
    return ObjectContent(bytes: Array(content.bytes.prefix(count)), etag: content.etag)
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    let fault = try begin(.head, "head", key.name)
    let info = try base.head(key)
    try end(fault, "head", key.name)
    return info
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let fault = try begin(.list, "list", prefix)
    let listing = try base.list(prefix: prefix, after: after, limit: limit)
    try end(fault, "list", prefix)
    switch fault {
    case .listLate(let missing):
      return ObjectListing(objects: Array(listing.objects.dropLast(missing)), isTruncated: false)
    case .listPart(let count) where listing.objects.count > count:
      return ObjectListing(objects: Array(listing.objects.prefix(count)), isTruncated: true)
    default:
      return listing
    }
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    let fault = try begin(.delete, "delete", key.name)
    try base.delete(key)
    try end(fault, "delete", key.name)
  }

  package func time() throws(ObjectStoreError) -> Int64? { try base.time() }

  private func begin(_ kind: Kind, _ verb: String, _ object: String) throws(ObjectStoreError) -> Fault? {
    let (fault, isDown, latency) = state.withLock { state in
      let number = (state.calls[kind] ?? 0) + 1
      state.calls[kind] = number
      return (state.planned[kind]?[number] ?? state.standing[kind], state.isDown, state.latency)
    }
    if latency > 0 { Thread.sleep(forTimeInterval: latency) }
    if isDown { throw ObjectStoreError(.unreachable, verb: verb, object: object, cause: "the store is down") }
    switch fault {
    case .refuse(let code): throw ObjectStoreError(code, verb: verb, object: object, cause: "refused by plan")
    case .delay(let seconds): Thread.sleep(forTimeInterval: seconds)
    default: break
    }
    return fault
  }

  private func end(_ fault: Fault?, _ verb: String, _ object: String) throws(ObjectStoreError) {
    guard case .loseAnswer = fault else { return }
    throw ObjectStoreError(.timeout, verb: verb, object: object, cause: "the answer was lost by plan")
  }
}
