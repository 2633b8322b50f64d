extension ObjectStore {
  /// Tests whether a store honours the conditions of puts; some stores ignore them without an
  /// error.
  ///
  /// It puts an object of its own, `PREFIXcondition-probe-…`, twice, and removes it.
  package func honoursConditions(prefix: String = "") throws(ObjectStoreError) -> Bool {
    let name = String(UInt64.random(in: .min ... .max), radix: 16)
    let key = try ObjectKey("\(prefix)condition-probe-\(name)")
    let verdict: Bool
    do {
      verdict = try keepsConditions(with: key)
    } catch {
      try? delete(key)
      throw error
    }
    try delete(key)
    return verdict
  }

  private func keepsConditions(with key: ObjectKey) throws(ObjectStoreError) -> Bool {
    // A store that refuses conditional puts is no better than one that ignores the condition.
    guard let first = try putIfHonoured(key, [1], .ifAbsent) else { return false }
    guard try isRefused(key, [2], .ifAbsent) else { return false }
    guard let second = try putIfHonoured(key, [3, 3], .ifMatch(first)), second != first else { return false }
    guard try isRefused(key, [4], .ifMatch(first)) else { return false }
    return try get(key).bytes == [3, 3]
  }

  private func putIfHonoured(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> ETag? {
    do {
      return try put(key, bytes, condition)
    } catch {
      guard error.code == .preconditionFailed || error.code == .configuration else { throw error }
      return nil
    }
  }

  private func isRefused(
    _ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition
  ) throws(ObjectStoreError) -> Bool {
    do {
      try put(key, bytes, condition)
      return false
    } catch {
      guard error.code == .preconditionFailed else { throw error }
      return true
    }
  }
}
