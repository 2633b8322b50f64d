import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import TestSupport
import Testing

/// Listing of what a restore needs to know.
@Suite struct BriefIndexTests {
  private let store = FaultyStore(MemoryStore())
  private let generation = GenerationID(sequence: 1, random: 7)

  private func put(_ name: String) throws { try store.put(ObjectKey(name), [1], .always) }

  /// Slices and batches of single transactions, and what they were merged to.
  private func fill(_ last: UInt64, by sizes: [UInt64]) throws {
    try put(ReplicaLayout.record(generation))
    try put(ReplicaLayout.base(generation, transaction: 0))
    for size in [1] + sizes {
      for first in stride(from: 1, through: last, by: Int(size)) where first + size - 1 <= last {
        let range = first...first + size - 1
        try put(ReplicaLayout.slice(generation, SliceName(range)))
        try put(ReplicaLayout.statements(generation, range))
      }
    }
  }

  @Test func takesAFewListingsOfManyMergedObjects() throws {
    try fill(2500, by: [16, 256, 1024])
    var other = GenerationID(sequence: 2, random: 7)
    try put(ReplicaLayout.base(other, transaction: 2501))
    let before = store.calls(.list)
    var index = try ReplicaIndex(brief: ReplicaCatalog(store))
    let contents = try index.contents(of: generation)
    #expect(index.generations == [generation, other])
    #expect(store.calls(.list) - before <= 6)
    let all = try ReplicaCatalog(store).contents(of: generation)
    #expect(contents.isBrief && contents.slices.count < all.slices.count)
    #expect(contents.chain(after: 0).slices == all.chain(after: 0).slices)
    #expect(contents.longestStatements == all.longestStatements)
    other = try #require(index.generations.last)
    #expect(try index.contents(of: other).bases == [2501])
  }

  @Test func listsEverythingWhereSomethingPassedOverIsNeeded() throws {
    try fill(1024, by: [16, 256, 1024])
    // Instead of the next slice there is one that begins earlier.
    for first: UInt64 in 1026...1500 {
      try put(ReplicaLayout.slice(generation, SliceName(first...first)))
      try put(ReplicaLayout.statements(generation, first...first))
    }
    try put(ReplicaLayout.slice(generation, SliceName(1020...1025)))
    try put(ReplicaLayout.statements(generation, 1020...1025))
    var index = try ReplicaIndex(brief: ReplicaCatalog(store))
    let contents = try index.contents(of: generation)
    #expect(contents.chain(after: 0).end == 1500)
    #expect(contents.statementsReach(backFrom: 1500) == 0)
  }

  @Test func findsAnObjectThatIsMissing() throws {
    try fill(1500, by: [16, 256, 1024])
    try store.delete(ObjectKey(ReplicaLayout.slice(generation, SliceName(1025...1025))))
    try store.delete(ObjectKey(ReplicaLayout.slice(generation, SliceName(1025...1040))))
    try store.delete(ObjectKey(ReplicaLayout.slice(generation, SliceName(1025...1280))))
    var index = try ReplicaIndex(brief: ReplicaCatalog(store))
    let chain = try index.contents(of: generation).chain(after: 0)
    #expect(chain.end == 1024 && !chain.beyond.isEmpty)
  }
}
