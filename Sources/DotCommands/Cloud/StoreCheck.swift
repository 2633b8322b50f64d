import Files
import ObjectStore

/// Tries every operation that a mirror needs, on an object of its own that it removes again.
struct StoreCheck {
  enum Verdict: String { case ok, failed, weak, skipped }

  /// The result of one operation.
  struct Outcome {
    let name: String
    let verdict: Verdict
    /// The median of several, in milliseconds.
    var milliseconds: Double?
    /// The fault and its fix; empty if there is none.
    var text = ""
  }

  private let store: any ObjectStore
  private let key: ObjectKey
  private let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 1024)
  private(set) var outcomes: [Outcome] = []
  /// Whether the store answered, and refused at most because of missing permissions.
  private var isReached = true

  init(_ store: any ObjectStore) throws {
    self.store = store
    key = try ObjectKey("check-" + String(UInt64.random(in: .min ... .max), radix: 16))
  }

  var failures: Int { outcomes.filter { $0.verdict == .failed }.count }
  var weaknesses: Int { outcomes.filter { $0.verdict == .weak }.count }

  mutating func run() {
    let (store, key, payload) = (store, key, payload)
    attempt("list") { _ = try store.list(prefix: "", after: nil, limit: 1) }
    // If the place is wrong, nothing must be written: some stores create the bucket that a put
    // names.
    if isReached, attempt("put", times: 5, { try store.put(key, payload, .always) }) {
      attempt("get", times: 5) { try Self.expect(try store.get(key).bytes, payload, key) }
      attempt("get a part", as: "get") {
        try Self.expect(try store.get(key, range: 100..<300).bytes, Array(payload[100..<300]), key)
      }
      attempt("head", as: "get") {
        guard try store.head(key)?.size == payload.count else { throw Self.wrong("head", key) }
      }
      tryConditions()
      attempt("delete") { try store.delete(key) }
      // Amazon answers "forbidden" for a missing object to keys that may not list the whole bucket.
      attempt("head of nothing", as: "list") {
        guard try store.head(key) == nil else { throw Self.wrong("delete", key) }
      }
      return
    }
    let tried = Set(outcomes.map { $0.name })
    for name in [
      "put", "get", "get a part", "head", "put if absent", "put if unchanged", "delete", "head of nothing",
    ]
    where !tried.contains(name) {
      outcomes.append(Outcome(name: name, verdict: .skipped, text: "after this failure"))
    }
    // It may have arrived although there was no answer.
    if tried.contains("put") { try? store.delete(key) }
  }

  @discardableResult
  private mutating func attempt(
    _ name: String, as operation: String? = nil, times: Int = 1, _ body: () throws -> Void
  ) -> Bool {
    var spans: [Double] = []
    do {
      for _ in 0..<times {
        let start = Clock.monotonicSeconds
        try body()
        spans.append((Clock.monotonicSeconds - start) * 1000)
      }
    } catch {
      if (error as? ObjectStoreError)?.code != .accessDenied { isReached = false }
      outcomes.append(Outcome(name: name, verdict: .failed, text: advice(error, operation ?? name)))
      return false
    }
    outcomes.append(Outcome(name: name, verdict: .ok, milliseconds: spans.sorted()[spans.count / 2]))
    return true
  }

  private func advice(_ error: any Error, _ operation: String) -> String {
    guard let error = error as? ObjectStoreError else { return "\(error)" }
    guard error.code == .accessDenied, let store = store as? any DetailedStore else { return error.cause }
    return "\(error.cause); \(operation) needs \(store.permission(for: operation))"
  }

  private static func expect(_ bytes: [UInt8], _ wanted: [UInt8], _ key: ObjectKey) throws {
    guard bytes == wanted else { throw wrong("get", key) }
  }

  private static func wrong(_ verb: String, _ key: ObjectKey) -> ObjectStoreError {
    ObjectStoreError(
      .damaged, verb: verb, object: key.name, cause: "the store does not give back what was stored")
  }

  // MARK: Conditions

  /// Tries conditional writes; the fenced log needs the first kind.
  ///
  /// Without it a second writer is detected, not prevented.
  private mutating func tryConditions() {
    tryCondition("put if absent", "If-None-Match: *", wrong: .ifAbsent) { _, _ in .ifAbsent }
    tryCondition("put if unchanged", "If-Match", wrong: .ifMatch(ETag("0123456789abcdef"))) {
      store, key in
      guard let info = try store.head(key) else { throw Self.wrong("head", key) }
      return .ifMatch(info.etag)
    }
  }

  private mutating func tryCondition(
    _ name: String, _ header: String, wrong: PutCondition,
    right: (any ObjectStore, ObjectKey) throws -> PutCondition
  ) {
    do {
      // Refused if the object exists, or is another one.
      guard try !isTaken(wrong) else {
        return weaken(name, "the store ignores \(header)")
      }
      let condition = try right(store, key)
      if condition == .ifAbsent { try store.delete(key) }
      guard try isTaken(condition) else {
        return weaken(name, "the store refuses \(header) where it holds")
      }
      outcomes.append(Outcome(name: name, verdict: .ok))
    } catch let error as ObjectStoreError where error.code == .configuration {
      weaken(name, "the store has no \(header) (\(error.cause))")
    } catch {
      outcomes.append(Outcome(name: name, verdict: .failed, text: advice(error, "put")))
    }
  }

  private func isTaken(_ condition: PutCondition) throws -> Bool {
    do {
      try store.put(key, payload, condition)
      return true
    } catch {
      guard error.code == .preconditionFailed else { throw error }
      return false
    }
  }

  private mutating func weaken(_ name: String, _ reason: String) {
    outcomes.append(
      Outcome(
        name: name, verdict: .weak,
        text: "\(reason): a second writer is noticed, not prevented; -durability sync needs -unfenced"))
  }
}
