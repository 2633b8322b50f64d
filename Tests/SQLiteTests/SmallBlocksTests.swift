import CSQLite
import CSQLiteFiles
import Foundation
import Synchronization
import Testing

/// The allocator for SQLite.
@Suite(.serialized) struct SmallBlocksTests {
  /// A table of C functions that never changes.
  private struct Allocator: @unchecked Sendable {
    let methods: sqlite3_mem_methods

    init() throws { methods = try #require(csqlite_small_blocks()).pointee }

    func allocate(_ count: Int) -> UInt { UInt(bitPattern: methods.xMalloc(methods.xRoundup(Int32(count)))) }
    func resize(_ address: UInt, _ count: Int) -> UInt {
      UInt(
        bitPattern: methods.xRealloc(
          UnsafeMutableRawPointer(bitPattern: address), methods.xRoundup(Int32(count))))
    }
    func free(_ address: UInt) { methods.xFree(UnsafeMutableRawPointer(bitPattern: address)) }
    func size(_ address: UInt) -> Int { Int(methods.xSize(UnsafeMutableRawPointer(bitPattern: address))) }
  }

  /// Blocks that any thread may allocate, check, resize or free.
  private final class Blocks: Sendable {
    struct Block: Sendable {
      let address: UInt
      let count: Int
      let seed: UInt8

      private var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: count)
      }

      var isWhole: Bool {
        bytes.enumerated().allSatisfy { $0.element == seed &+ UInt8(truncatingIfNeeded: $0.offset) }
      }

      func fill() {
        let bytes = bytes
        for at in 0..<count { bytes[at] = seed &+ UInt8(truncatingIfNeeded: at) }
      }
    }
    let all = Mutex([Block?](repeating: nil, count: 500))
    let faults = Mutex<[String]>([])

    func swap(_ block: Block?, at place: Int) -> Block? {
      all.withLock { all in
        defer { all[place] = block }
        return all[place]
      }
    }
  }

  private static func round(_ allocator: Allocator, _ blocks: Blocks, _ seed: UInt64) {
    var random = SystemLike(state: seed)
    func fail(_ text: String) { blocks.faults.withLock { $0.append(text) } }
    for _ in 0..<1000 {
      let place = Int(random.next() % 500)
      let count = random.next() % 16 == 0 ? Int(random.next() % 20000) + 1 : Int(random.next() % 600) + 1
      let mark = UInt8(truncatingIfNeeded: random.next())
      var made: UInt?
      if let old = blocks.swap(nil, at: place) {
        if !old.isWhole || allocator.size(old.address) < old.count {
          fail("\(old.count) bytes were overwritten")
        }
        if random.next() % 2 == 0 {
          allocator.free(old.address)
        } else {
          let address = allocator.resize(old.address, count)
          let kept = Blocks.Block(address: address, count: min(old.count, count), seed: old.seed)
          if !kept.isWhole { fail("resizing \(old.count) to \(count)") }
          made = address
        }
      }
      let block = Blocks.Block(address: made ?? allocator.allocate(count), count: count, seed: mark)
      if block.address % 16 != 0 || allocator.size(block.address) != (count + 7) / 8 * 8 {
        fail("\(count) bytes at \(block.address), of size \(allocator.size(block.address))")
      }
      block.fill()
      if let other = blocks.swap(block, at: place) { allocator.free(other.address) }
    }
  }

  private struct SystemLike: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 29
    }
  }

  @Test func keepsBlocksApartAcrossThreadsThatEnd() throws {
    let allocator = try Allocator()
    let blocks = Blocks()
    for turn in 0..<6 {
      let group = DispatchGroup()
      for number in 0..<3 {
        group.enter()
        let thread = Thread {
          Self.round(allocator, blocks, UInt64(turn * 3 + number + 1))
          group.leave()
        }
        thread.start()
      }
      group.wait()
    }
    #expect(blocks.faults.withLock { $0 }.isEmpty)
    for place in 0..<500 { if let block = blocks.swap(nil, at: place) { allocator.free(block.address) } }
  }

  /// A block that one thread allocates and another one frees is used again.
  @Test func blocksThatChangeThreadsAreUsedAgain() throws {
    let allocator = try Allocator()
    let seen = Mutex<Set<UInt>>([])
    let waiting = Mutex<[UInt]>([])
    let done = DispatchSemaphore(value: 0)
    for _ in 0..<400 {
      let made = (0..<100).map { _ in allocator.allocate(2000) }
      seen.withLock { $0.formUnion(made) }
      waiting.withLock { $0 += made }
      DispatchQueue.global().async {
        for address in waiting.withLock({ waiting in
          defer { waiting = [] }
          return waiting
        }) {
          allocator.free(address)
        }
        done.signal()
      }
      done.wait()
    }
    // 40000 bytes were requested.
    #expect(seen.withLock { $0.count } < 6000)
  }

  /// The counts of the thread without atomic instructions and of the others add up.
  @Test func countsWhatIsThere() throws {
    let allocator = try Allocator()
    let blocks = Blocks()
    var before = csqlite_memory()
    _ = csqlite_count_memory(&before)
    let (isReady, group) = (DispatchSemaphore(value: 0), DispatchGroup())
    for number in 0..<3 {
      group.enter()
      Thread {
        if number == 0 {
          csqlite_count_here()
          isReady.signal()
        }
        Self.round(allocator, blocks, UInt64(number + 100))
        group.leave()
      }.start()
      if number == 0 { isReady.wait() }
    }
    group.wait()
    let there = blocks.all.withLock { $0.compactMap { $0 } }
    var memory = csqlite_memory()
    #expect(csqlite_count_memory(&memory))
    let bytes = there.reduce(0) { $0 + ($1.count + 7) / 8 * 8 }
    #expect(memory.used - before.used == bytes && memory.number - before.number == there.count)
    #expect(memory.largest > 10000 && memory.most_used >= memory.used && memory.most_number >= memory.number)
    for block in there { allocator.free(block.address) }
    _ = csqlite_count_memory(&memory)
    #expect(memory.used == before.used && memory.number == before.number)
  }
}
