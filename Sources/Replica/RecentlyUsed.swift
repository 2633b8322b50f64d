/// Keeps values up to a total cost, and removes the least recently used ones beyond it.
struct RecentlyUsed<Key: Hashable, Value> {
  private struct Entry {
    let value: Value
    let cost: Int
    var used: UInt64
  }

  private var entries: [Key: Entry] = [:]
  private var clock: UInt64 = 0
  private(set) var cost = 0
  /// The maximum total cost of all values.
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Returns the value of a key, and marks it as used.
  mutating func value(_ key: Key) -> Value? {
    guard let entry = entries[key] else { return nil }
    clock += 1
    entries[key]?.used = clock
    return entry.value
  }

  func contains(_ key: Key) -> Bool { entries[key] != nil }

  mutating func insert(_ value: Value, _ key: Key, cost: Int) {
    remove(key)
    clock += 1
    entries[key] = Entry(value: value, cost: cost, used: clock)
    self.cost += cost
    guard self.cost > limit else { return }
    // Remove a quarter at once, so that the next inserts need not sort again.
    for (key, _) in entries.sorted(by: { $0.value.used < $1.value.used }).dropLast() {
      guard self.cost > limit / 4 * 3 else { break }
      remove(key)
    }
  }

  mutating func remove(_ key: Key) {
    guard let old = entries.removeValue(forKey: key) else { return }
    cost -= old.cost
  }

  mutating func removeAll() {
    entries = [:]
    cost = 0
  }
}
