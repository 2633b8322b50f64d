import Bytes
import ReplicaFormat
import TestSupport
import Testing

/// Each object has one name, in its own folder, and nothing else parses.
@Suite struct NameTests {
  private static let generation = GenerationID(sequence: 3, random: 0xabc)
  private static let id = EntryID(0x0123_4567_89ab_cdef)

  /// Each kind of name at its bounds: a key, and what its parser returns for it.
  private static let kinds: [(keys: [String], reprint: @Sendable (String) -> String?)] = [
    (
      [
        Place(generation, transaction: 1, previous: .none).key,
        Place(generation, transaction: Bounds.lastTransaction, part: 0xffff, previous: id).key,
      ], { Place(key: $0)?.key }
    ),
    (
      [MergedName(1...1, id: id), MergedName(1...Bounds.lastTransaction, id: .none)].map {
        $0.key(in: generation)
      },
      { key in MergedName(key: key).flatMap { name in own(key).map { name.key(in: $0) } } }
    ),
    (
      [BatchName(1...1, id: id), BatchName(5...Bounds.lastTransaction, id: .none)].map {
        $0.key(in: generation)
      },
      { key in BatchName(key: key).flatMap { name in own(key).map { name.key(in: $0) } } }
    ),
    (
      [BaseName(0, id: .none), BaseName(Bounds.lastTransaction, id: id)].map { $0.key(in: generation) },
      { key in BaseName(key: key).flatMap { name in own(key).map { name.key(in: $0) } } }
    ),
    (
      [ReplicaLayout.mark(1), ReplicaLayout.mark(Bounds.lastSequence)],
      { ReplicaLayout.markedSequence(of: $0).map { ReplicaLayout.mark($0) } }
    ),
    (
      ["\(generation)", "fffffffe-00000000"],
      { GenerationID($0)?.description }
    ),
    (["\(id)", "\(EntryID.none)"], { EntryID($0)?.description }),
  ]

  private static func own(_ key: String) -> GenerationID? { ReplicaLayout.generation(of: key) }

  @Test func namesAreAsTheyAreWritten() {
    let (folder, id) = ("generations/00000003-00000abc/", Self.id)
    #expect(
      Place(Self.generation, transaction: 0x1f, part: 2, previous: id).key
        == folder + "wal/000000000000001f.0002-0123456789abcdef")
    #expect(
      MergedName(5...0x1f, id: id).key(in: Self.generation)
        == folder + "merged/000000000000001f-0000000000000005-0123456789abcdef")
    #expect(
      BatchName(5...0x1f, id: id).key(in: Self.generation)
        == folder + "sql/0000000000000005-000000000000001f-0123456789abcdef")
    #expect(
      BaseName(0x1f, id: id).key(in: Self.generation) == folder + "base/000000000000001f-0123456789abcdef.txt"
    )
    #expect(ReplicaLayout.mark(0x1f) == "chain/0000001f.txt")
    #expect(
      BaseName(7, id: id).next(in: Self.generation) == Place(Self.generation, transaction: 8, previous: id))
  }

  @Test func everyNameComesBack() {
    for kind in Self.kinds { for key in kind.keys { #expect(kind.reprint(key) == key) } }
  }

  /// Each kind's parser refuses the names of all others.
  @Test func noNameIsThatOfAnotherKind() {
    for (index, kind) in Self.kinds.enumerated() {
      for (other, keys) in Self.kinds.map(\.keys).enumerated() where other != index {
        for key in keys { #expect(kind.reprint(key) == nil, "\(key)") }
      }
    }
  }

  @Test func nothingElseParses() {
    var random = Seeded()
    let letters = Array("0123456789abcdefABCDEFg/.-+ ~\u{301}é".map { String($0) })
    for kind in Self.kinds {
      for _ in 0..<Seeded.rounds(3000, 100_000) {
        var characters = Array(kind.keys.randomElement(using: &random) ?? "").map { String($0) }
        for _ in 0..<Int.random(in: 1...2, using: &random) {
          let at = Int.random(in: 0..<characters.count, using: &random)
          let letter = letters.randomElement(using: &random) ?? ""
          switch Int.random(in: 0...2, using: &random) {
          case 0: characters[at] = letter
          case 1: characters.insert(letter, at: at)
          default: characters.remove(at: at)
          }
        }
        let key = characters.joined()
        guard let printed = kind.reprint(key) else { continue }
        #expect(Array(printed.utf8) == Array(key.utf8), "seed \(random.seed)")
      }
    }
  }

  @Test func refusesWhatIsOutOfBounds() {
    let folder = "generations/\(Self.generation)/"
    let (id, past) = ("0123456789abcdef", "4000000000000001")
    let (zero, one, two) = ("0000000000000000", "0000000000000001", "0000000000000002")
    for name in [
      "wal/\(zero).0001-\(id)", "wal/\(past).0001-\(id)", "wal/\(one).0000-\(id)",
      "wal/sub/\(one).0001-\(id)",
    ] { #expect(Place(key: folder + name) == nil, "\(name)") }
    for name in [
      "\(one)-\(two)-\(id)", "\(one)-\(zero)-\(id)", "\(past)-\(one)-\(id)", "x/\(two)-\(one)-\(id)",
    ] {
      #expect(MergedName(key: folder + "merged/" + name) == nil, "\(name)")
    }
    for name in [
      "\(two)-\(one)-\(id)", "\(zero)-\(one)-\(id)", "\(one)-\(past)-\(id)", "x/\(one)-\(two)-\(id)",
    ] {
      #expect(BatchName(key: folder + "sql/" + name) == nil, "\(name)")
    }
    for name in ["\(past)-\(id).txt", "\(one)-\(id)", "\(one).txt", "x/\(one)-\(id).txt"] {
      #expect(BaseName(key: folder + "base/" + name) == nil, "\(name)")
    }
    for name in ["chain/00000000.txt", "chain/ffffffff.txt", "chain/0000001.txt", "chain/x/00000001.txt"] {
      #expect(ReplicaLayout.markedSequence(of: name) == nil, "\(name)")
    }
    #expect(GenerationID("ffffffff-00000000") == nil && GenerationID("00000003-abc") == nil)
    #expect(GenerationID(after: GenerationID(sequence: Bounds.lastSequence, random: 0)) == nil)
  }

  /// A listing shows them in the order of their transactions, and from a transaction on.
  @Test func namesSortAsTransactionsDo() {
    let all = [EntryID(0), EntryID(.max), EntryID(7)]
    let places = [1, 2, 15, 16, 0x100, 1 << 32].map { number in
      Place(Self.generation, transaction: number, previous: all.randomElement() ?? .none)
    }
    #expect(places.map(\.key).sorted() == places.map(\.key))
    let start = ReplicaLayout.slots(Self.generation) + ReplicaLayout.fromTransaction(16)
    #expect(places.filter { $0.key > start }.map(\.transaction) == [16, 0x100, 1 << 32])
    let ends = [1, 9, 16, 17].map { MergedName(1...$0, id: Self.id).key(in: Self.generation) }
    #expect(ends.sorted() == ends)
    let bases = [0, 9, 16].map { BaseName($0, id: all.randomElement() ?? .none) }
    #expect(bases.map { $0.key(in: Self.generation) }.sorted() == bases.map { $0.key(in: Self.generation) })
    #expect(bases.sorted() == bases)
  }

  @Test func entriesAreDrawnAtRandom() {
    let drawn = Set((0..<1000).map { _ in EntryID.draw() })
    #expect(drawn.count == 1000 && !drawn.contains(.none))
  }

  @Test func recognisesWhatEarlierBuildsWrote() {
    let folder = "generations/00000001-d74e0323/"
    let number = "0000000000000001"
    for name in [
      "complete.txt", "base/\(number).txt", "wal/\(number)-\(number).0001-0001.wal",
      "sql/\(number)-\(number).sql.zst",
    ] {
      #expect(ReplicaLayout.isOfEarlierForm(folder + name), "\(name)")
    }
    for kind in Self.kinds { for key in kind.keys { #expect(!ReplicaLayout.isOfEarlierForm(key)) } }
    #expect(!ReplicaLayout.isOfEarlierForm(folder + "generation.txt"))
    #expect(!ReplicaLayout.isOfEarlierForm("lease.txt"))
  }
}
