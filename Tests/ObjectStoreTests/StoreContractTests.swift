import Foundation
import ObjectStore
import Synchronization
import TestSupport
import Testing

/// The contract of every store.
@Suite struct StoreContractTests {
  @Test(arguments: StoreKind.available) func keepsWhatIsPut(kind: StoreKind) throws {
    let test = try kind.make()
    let name = try key("a/b.c_d~e-f/0000000000000001")
    let tag = try test.store.put(name, [1, 2, 3], .always)
    let content = try test.store.get(name)
    #expect(content.bytes == [1, 2, 3])
    #expect(content.etag == tag)
    let info = try #require(try test.store.head(name))
    #expect(info.key == name && info.size == 3 && info.etag == tag)
    if kind != .memory && kind != .encrypted {
      #expect(abs(Double(info.modified) - Date().timeIntervalSince1970) < 60)
    }
    let listed = try test.store.listAll(prefix: "")
    #expect(listed.map(\.key) == [name])
    #expect(listed.first?.etag == tag && listed.first?.size == (kind.isEncrypted ? 3 + 56 + 16 : 3))
    #expect(try test.store.put(name, [4], .always) != tag)
    #expect(try test.store.get(name).bytes == [4])
    try test.store.delete(name)
    #expect(try test.store.head(name) == nil)
    try test.store.delete(name)
    #expect(try test.store.listAll(prefix: "").isEmpty)
  }

  @Test(arguments: StoreKind.available) func reportsAMissingObject(kind: StoreKind) throws {
    let store = try kind.make()
    let name = try key("no/such")
    let error = thrown { try store.store.get(name) }
    #expect(error?.code == .notFound)
    #expect(error?.description == "get no/such: no such object")
    #expect(try store.store.head(name) == nil)
    #expect(try store.store.list(prefix: "no", after: nil, limit: 10).objects.isEmpty)
    let ranged = thrown { try store.store.get(name, range: 3..<3) }
    #expect(ranged?.code == .notFound)
  }

  @Test(arguments: StoreKind.available) func keepsKeysOfAllCharacters(kind: StoreKind) throws {
    let test = try kind.make()
    let names = [
      "~", "a~b", "A.b_C-d", ".hidden", "x/.y/z..z/0", "deep/a/b/c/d/e/f/g/h/i", "~~/~", "9-_.~",
      String(repeating: "k", count: 120),
    ]
    for name in names { try test.store.put(try key(name), Array(name.utf8), .always) }
    for name in names { #expect(try test.store.get(try key(name)).bytes == Array(name.utf8)) }
    #expect(try test.store.listAll(prefix: "").map(\.key) == names.map(key).sorted())
    for name in names { try test.store.delete(try key(name)) }
    #expect(try test.store.listAll(prefix: "").isEmpty)
  }

  @Test(arguments: [
    "", "/a", "a/", "a//b", "a b", "a/../b", ".", "ä", "a%20", "a+b", "a\n",
    String(repeating: "x", count: 901),
  ])
  func refusesKeysOfAnotherKind(name: String) throws {
    let error = thrown { try ObjectKey(name) }
    #expect(error?.code == .invalidKey)
  }

  @Test func escapesNamesWithoutMixingThemUp() throws {
    let names = ["plain.db", "my data.db", "my~20data.db", "ä/b", "~"]
    let escaped = names.map(ObjectKey.escaped)
    #expect(escaped == ["plain.db", "my~20data.db", "my~7e20data.db", "~c3~a4~2fb", "~7e"])
    for name in escaped { _ = try ObjectKey(name) }
  }

  @Test(arguments: StoreKind.available) func keepsAnEmptyObject(kind: StoreKind) throws {
    let test = try kind.make()
    let tag = try test.store.put(try key("empty"), [], .always)
    #expect(try test.store.get(try key("empty")).bytes == [])
    #expect(try test.store.get(try key("empty"), range: 0..<10).bytes == [])
    #expect(try test.store.head(try key("empty"))?.size == 0)
    #expect(try test.store.head(try key("empty"))?.etag == tag)
  }

  @Test(arguments: StoreKind.available) func keepsALargeObject(kind: StoreKind) throws {
    let test = try kind.make()
    var bytes = [UInt8](repeating: 0, count: 64 << 20)
    var state: UInt64 = 88_172_645_463_325_252
    for index in stride(from: 0, to: bytes.count, by: 97) {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      bytes[index] = UInt8(truncatingIfNeeded: state)
    }
    try test.store.put(try key("large"), bytes, .always)
    #expect(try test.store.head(try key("large"))?.size == bytes.count)
    #expect(try test.store.get(try key("large")).bytes == bytes)
    #expect(
      try test.store.get(try key("large"), range: 50_000_000..<50_001_000).bytes
        == Array(bytes[50_000_000..<50_001_000]))
  }

  @Test(arguments: StoreKind.available) func readsRanges(kind: StoreKind) throws {
    let test = try kind.make()
    let name = try key("r")
    try test.store.put(name, Array(0..<100), .always)
    for range in [0..<1, 0..<100, 10..<20, 99..<100, 90..<200, 100..<200, 500..<501, 7..<7] {
      let wanted = Array((0..<100).map(UInt8.init)[range.clamped(to: 0..<100)])
      #expect(try test.store.get(name, range: range).bytes == wanted, "range \(range)")
    }
  }

  @Test(arguments: StoreKind.available) func listsInByteOrderPageByPage(kind: StoreKind) throws {
    let test = try kind.make()
    let names =
      (0..<1203).map { "many/\(String($0 * 7919 % 10007, radix: 36))" } + [
        "other/1", "many-", "many0", "many.x",
      ]
    let all = try names.map(key).sorted()
    let store = test.store
    let failures = Mutex<[String]>([])
    concurrently(8) { thread in
      for index in stride(from: thread, to: all.count, by: 8) {
        // A server that makes the same folder for eight clients at once may answer that it could
        // not.
        for attempt in 1...3 {
          do throws(ObjectStoreError) {
            try store.put(all[index], [UInt8(index & 255)], .always)
            break
          } catch {
            if error.isTransient && attempt < 3 { continue }
            failures.withLock { $0.append("\(error)") }
          }
        }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(try store.listAll(prefix: "").map(\.key) == all)
    let many = all.filter { $0.name.hasPrefix("many/") }
    #expect(try store.listAll(prefix: "many/").map(\.key) == many)
    let page = try store.list(prefix: "many/", after: nil, limit: 1000)
    #expect(page.objects.count == 1000 && page.isTruncated)
    #expect(
      try store.list(prefix: "many/", after: many[1189].name, limit: 1000).objects.map(\.key)
        == Array(many[1190...]))
    #expect(
      try store.list(prefix: "many/", after: many[3].name + "~", limit: 2).objects.map(\.key).first.map {
        $0 > many[3]
      } == true)
    if ![.seaweedV4, .seaweedV2, .encryptedSeaweed].contains(kind) {
      #expect(try store.list(prefix: "many", after: nil, limit: 2).objects.map(\.key) == Array(all.prefix(2)))
    }
    #expect(try store.list(prefix: "many/", after: "many/zzzz", limit: 10).objects.isEmpty)
    #expect(try store.list(prefix: "nothing", after: nil, limit: 10).objects.isEmpty)
  }

  @Test(arguments: StoreKind.conditional) func keepsToConditions(kind: StoreKind) throws {
    let test = try kind.make()
    let name = try key("lease")
    func code(_ condition: PutCondition) -> ObjectStoreError.Code? {
      do { try test.store.put(name, [9], condition) } catch { return error.code }
      return nil
    }
    #expect(code(.ifMatch(ETag("0123456789abcdef0123456789abcdef"))) == .preconditionFailed)
    #expect(try test.store.head(name) == nil)
    let first = try test.store.put(name, [1], .ifAbsent)
    #expect(code(.ifAbsent) == .preconditionFailed)
    #expect(code(.ifMatch(ETag("0123456789abcdef0123456789abcdef"))) == .preconditionFailed)
    #expect(try test.store.get(name).bytes == [1])
    let second = try test.store.put(name, [2, 2], .ifMatch(first))
    #expect(code(.ifMatch(first)) == .preconditionFailed)
    #expect(try test.store.get(name).bytes == [2, 2])
    #expect(try test.store.get(name).etag == second)
    try test.store.delete(name)
    #expect(code(.ifAbsent) == nil)
  }

  @Test(arguments: StoreKind.available) func reportsWhetherAStoreKeepsToConditions(kind: StoreKind) throws {
    let test = try kind.make()
    #expect(try test.store.honoursConditions() == StoreKind.conditional.contains(kind))
    #expect(try test.store.listAll(prefix: "").isEmpty)
  }

  @Test(arguments: StoreKind.conditional) func letsOneOfManyCreate(kind: StoreKind) throws {
    let test = try kind.make()
    let store = test.store
    for round in 0..<(kind == .directory ? 100 : 8) {
      let name = try key("race/\(round)")
      let winners = Mutex<[UInt8]>([])
      let others = Mutex<[ObjectStoreError]>([])
      concurrently(8) { thread in
        do {
          try store.put(name, [UInt8(thread)], .ifAbsent)
          winners.withLock { $0.append(UInt8(thread)) }
        } catch let error as ObjectStoreError {
          if error.code != .preconditionFailed { others.withLock { $0.append(error) } }
        } catch {}
      }
      #expect(winners.withLock { $0 }.count == 1)
      #expect(others.withLock { $0 } == [])
      #expect(try store.get(name).bytes == winners.withLock { $0 })
    }
  }

  @Test(arguments: StoreKind.conditional) func letsOneOfManyReplace(kind: StoreKind) throws {
    let test = try kind.make()
    let store = test.store
    // SeaweedFS takes seconds to settle such a race.
    for round in 0..<(kind == .directory ? 100 : 2) {
      let name = try key("lease/\(round)")
      let first = try store.put(name, [255], .always)
      let winners = Mutex<[UInt8]>([])
      concurrently(8) { thread in
        guard (try? store.put(name, [UInt8(thread)], .ifMatch(first))) != nil else { return }
        winners.withLock { $0.append(UInt8(thread)) }
      }
      #expect(winners.withLock { $0 }.count == 1)
      #expect(try store.get(name).bytes == winners.withLock { $0 })
    }
  }

  @Test(arguments: StoreKind.available) func servesManyThreads(kind: StoreKind) throws {
    let test = try kind.make()
    let store = test.store
    let failures = Mutex<[String]>([])
    concurrently(8) { thread in
      do {
        for round in 0..<12 {
          let mine = try key("t\(thread)/\(round)")
          let bytes = [UInt8](repeating: UInt8(thread), count: 1000 * round)
          do {
            try store.put(mine, bytes, .always)
          } catch let error as ObjectStoreError where error.isTransient {
            // rclone sometimes answers 500 if several clients make the same folder at once.
            try store.put(mine, bytes, .always)
          }
          guard try store.get(mine).bytes == bytes else {
            throw ServerError(description: "other bytes at \(mine)")
          }
          guard try store.head(mine)?.size == bytes.count else {
            throw ServerError(description: "other size at \(mine)")
          }
          if round % 3 == 0 { try store.delete(mine) }
        }
        let left = try store.listAll(prefix: "t\(thread)/").count
        guard left == 8 else { throw ServerError(description: "\(left) left") }
      } catch {
        failures.withLock { $0.append("\(error)") }
      }
    }
    #expect(failures.withLock { $0 } == [])
  }
}
