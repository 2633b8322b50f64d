import ReplicaCatalog
import ReplicaFormat
import TestSupport
import Testing

@testable import Replicator

/// Faults that the simulation found, each by itself.
@Suite struct FoundTests {
  private let world = World(Choices(script: []), World.Settings())
  private let file: SimulatedFile

  init() {
    let moment = SimulatedFile.Moment([1, 2], written: [], time: 1)
    world.lineage.add(moment.state.checksum, after: nil)
    file = SimulatedFile("file", inode: 1, moment)
  }

  private func session(_ name: String) -> Writer {
    let writer = Writer(world, name, file, isFaulty: false)
    writer.run(isOrdered: false, rounds: 1)
    return writer
  }

  /// Row e of the table of starts: the record must name the tip itself, whether the same or another
  /// session wrote after it.
  @Test func aRecordOfAnOlderPlaceIsBelowTheTip() throws {
    let writer = session("A")
    writer.saveRecord()
    let record = try #require(file.record)
    func relation(_ place: Place) -> ResumeDecision.Recorded {
      let tip = ResumeDecision.Tip(
        place: place, entries: [], transaction: place.transaction - 1, state: record.state, time: 1,
        position: nil,
        keyID: nil, session: record.session, writer: nil)
      return ResumeDecision.Recorded(record, witness: nil, tip: tip)
    }
    let later = Place(
      record.place.generation, transaction: record.place.transaction + 1, previous: EntryID(7))
    if case .atTip = relation(record.place) {} else { Issue.record("the record names the tip") }
    if case .belowTip = relation(later) {} else { Issue.record("the record names an older place") }
  }

  /// The state of the file is not before a tip that the record names, if another session has stored
  /// it meanwhile.
  @Test func aStateThatIsStoredMeanwhileIsNotBeforeTheTip() throws {
    session("A").saveRecord()
    let reader = ChainTip(catalog: ReplicaCatalog(world.store))
    let record = try #require(file.record)
    let found = try #require(try reader.recorded(record))
    #expect(found.tip.transaction == 1)
    _ = session("B")
    let last = try reader.transaction(of: file.last.state, in: found)
    #expect(last == nil)
    let first = try reader.transaction(of: file.moments[0].state, in: found)
    #expect(first == 0)
  }

  /// A turn at the name of a slice means that the slice was deleted since it was listed.
  @Test func aTurnInThePlaceOfASliceIsNoDamage() throws {
    let place = Place(GenerationID(sequence: 1, random: 2), transaction: 3, previous: EntryID(4))
    let turn = TurnRecord(
      place: place, id: EntryID(5),
      session: TurnRecord.Session(number: 6, host: "host", process: 7, database: "file"), time: 1,
      reason: "test")
    let error = try requireThrown(FormatError.self) { try SliceReader(turn.bytes, object: place.key) }
    #expect(error.isMissing)
  }

  /// Rule 5: if the entry before a turn is gone, no other entry of later writers need be left.
  @Test func aTurnBeforeABaseIsNotConfirmed() throws {
    let first = Writer(world, "A", file, isFaulty: false)
    try first.begin(isOrdered: false)
    file.commit(world, pages: 1)
    try first.upload()
    let copy = file.copy("copy", inode: 2, at: 1, record: nil)
    let second = Writer(world, "C", copy, isFaulty: false)
    try second.begin(isOrdered: false)
    file.commit(world, pages: 1)
    try first.upload()
    let encoder = try #require(first.encoder)
    try first.storeBase(
      file.last, encoder.place.generation, BaseName(encoder.transaction, id: encoder.place.previous))
    world.pass(10)
    Keeper(world, "P", Baton.Life()).prune()
    copy.commit(world, pages: 1)
    let error = thrown(MirrorError.self) { try second.upload() }
    #expect(error?.code == .fenced)
    #expect(world.failure == nil, "\(world.story.joined(separator: "\n"))")
  }
}
