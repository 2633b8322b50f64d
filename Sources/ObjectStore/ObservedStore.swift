internal import Synchronization

/// Counts another store's calls by kind, for metrics.
package final class ObservedStore: ObjectStore {
  /// The counts so far.
  package struct Account: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
      package var requests = 0
      /// Calls that failed.
      ///
      /// A missing object and an unmet condition are no failures.
      package var errors = 0
    }

    /// Counts by `put`, `get`, `head`, `list` and `delete`.
    package var lines: [String: Line] = [:]
    /// Bytes of objects, including those of failed uploads.
    package var bytesSent = 0
    package var bytesReceived = 0
    /// When a call last succeeded, in microseconds since 1970; nil before the first.
    package var lastSuccess: Int64?

    package init() {}
  }

  /// Adds up the counts of several stores.
  package final class Ledger: Sendable {
    private let state = Mutex(Account())
    package init() {}
    package var account: Account { state.withLock { $0 } }
    fileprivate func change(_ body: (inout sending Account) -> Void) { state.withLock { body(&$0) } }
  }

  private let store: any ObjectStore
  private let ledger: Ledger
  private let now: @Sendable () -> Int64

  /// `now` returns the microseconds since 1970.
  package init(_ store: any ObjectStore, in ledger: Ledger, now: @escaping @Sendable () -> Int64) {
    self.store = store
    self.ledger = ledger
    self.now = now
  }

  package var url: String { store.url }
  package var encryption: StoreEncryption? { store.encryption }

  @discardableResult
  package func put(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag {
    ledger.change { $0.bytesSent += bytes.count }
    return try note("put") { () throws(ObjectStoreError) in try store.put(key, bytes, condition) }
  }

  package func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    let content = try note("get") { () throws(ObjectStoreError) in try store.get(key, range: range) }
    ledger.change { $0.bytesReceived += content.bytes.count }
    return content
  }

  package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    try note("head") { () throws(ObjectStoreError) in try store.head(key) }
  }

  package func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try note("list") { () throws(ObjectStoreError) in
      try store.list(prefix: prefix, after: after, limit: limit)
    }
  }

  package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    try note("delete") { () throws(ObjectStoreError) in try store.delete(key) }
  }

  package func time() throws(ObjectStoreError) -> Int64? { try store.time() }

  private func note<Value>(
    _ verb: String, _ body: () throws(ObjectStoreError) -> Value
  ) throws(ObjectStoreError) -> Value {
    do {
      let value = try body()
      count(verb, succeeded: true)
      return value
    } catch {
      count(verb, succeeded: error.code == .notFound || error.code == .preconditionFailed)
      throw error
    }
  }

  private func count(_ verb: String, succeeded: Bool) {
    let now = now()
    ledger.change {
      $0.lines[verb, default: Account.Line()].requests += 1
      if succeeded {
        $0.lastSuccess = now
      } else {
        $0.lines[verb, default: Account.Line()].errors += 1
      }
    }
  }
}
