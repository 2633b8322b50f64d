extension ObjectStore {
  /// Whether the store keeps to the conditions of puts; some stores ignore them without a message.
  ///
  /// Tries it with an object of its own, named `PREFIXcondition-probe-…`, which it removes again.
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
    // A conditional put that fails for want of the feature is as good as one that ignores it.
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
