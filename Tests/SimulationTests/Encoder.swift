import Bytes
import ReplicaFormat
import WALFormat

@testable import Replicator

/// Builds the entries of one session, like the mirror from SQLite's log: with real frames, and a
/// separate log for each session.
struct Encoder {
  let session: TurnRecord.Session
  private(set) var place: Place
  private(set) var transaction: UInt64
  private(set) var state: DatabaseState
  /// Last transaction that is stored.
  var stored: UInt64
  private var needsTurn: Bool
  private var sums: WALChecksum
  private var frame = 0
  private let header: WALHeader

  init(
    _ world: World, session: TurnRecord.Session, place: Place, transaction: UInt64, state: DatabaseState,
    stored: UInt64, needsTurn: Bool
  ) {
    self.session = session
    self.place = place
    self.transaction = transaction
    self.state = state
    self.stored = stored
    self.needsTurn = needsTurn
    var bytes: [UInt8] = []
    for word in [0x377f_0682, 3_007_000, UInt32(SimulatedFile.pageSize), 0, world.drawValue(), 9] as [UInt32]
    {
      bytes.appendBigEndian(word)
    }
    var checksum = WALChecksum.zero
    checksum.update(bytes, 0..<24, bigEndian: false)
    bytes.appendBigEndian(checksum.first)
    bytes.appendBigEndian(checksum.second)
    guard let header = WALHeader(bytes) else { preconditionFailure("no header of a log") }
    self.header = header
    sums = header.checksum
  }

  /// Returns the entries of commits: a turn if none was built, then one slice, or one for each page
  /// of a single commit.
  mutating func encode(_ moments: [SimulatedFile.Moment], inParts: Bool, _ world: World) -> [PendingUpload] {
    var entries: [PendingUpload] = []
    if needsTurn {
      needsTurn = false
      let turn = TurnRecord(
        place: place, id: world.drawID(), session: session, time: world.microseconds,
        reason: "a session begins")
      push(turn.id, turn.bytes, nil, &entries)
    }
    if inParts, moments.count == 1, let moment = moments.first, moment.written.count > 1 {
      encode(parts: moment, world, &entries)
      return entries
    }
    let builder = builder(transaction + 1)
    let first = transaction + 1
    for moment in moments {
      for page in moment.written { add(page, moment, isLast: page == moment.written.last, to: builder) }
      builder.endCommit(time: moment.time, state: moment.state, checksum: sums)
      transaction += 1
      state = moment.state
    }
    push([builder.close(created: world.microseconds)], first...transaction, world, &entries)
    return entries
  }

  private mutating func encode(
    parts moment: SimulatedFile.Moment, _ world: World, _ entries: inout [PendingUpload]
  ) {
    let number = transaction + 1
    let before = state
    for (index, page) in moment.written.enumerated() {
      let builder = builder(number, previous: before)
      builder.largestPage = moment.state.pages
      let isLast = index == moment.written.count - 1
      add(page, moment, isLast: isLast, to: builder)
      if isLast {
        builder.endCommit(time: moment.time, state: moment.state, checksum: sums)
        transaction = number
        state = moment.state
      } else {
        builder.endPart(checksum: sums)
      }
      let section = builder.close(
        transactions: number...number, part: index + 1, parts: moment.written.count,
        created: world.microseconds)
      push([section], number...number, isPart: true, isPartial: !isLast, world, &entries)
    }
  }

  private func builder(_ first: UInt64, previous: DatabaseState? = nil) -> SliceBuilder {
    SliceBuilder(
      walHeader: header, generation: place.generation, firstTransaction: first,
      start: WALPosition(salt: header.salt, frame: frame, checksum: sums), previous: previous ?? state)
  }

  private mutating func add(
    _ page: UInt32, _ moment: SimulatedFile.Moment, isLast: Bool, to builder: SliceBuilder
  ) {
    let bytes = SimulatedFile.bytes(moment.pages[Int(page) - 1])
    let head = WALFrame(page: page, databaseSize: isLast ? moment.state.pages : 0)
    var whole = [UInt8](repeating: 0, count: WALFrame.headerSize) + bytes
    head.write(at: 0, in: &whole, of: header, continuing: &sums)
    builder.add(head, page: bytes, at: 0, base: nil)
    frame += 1
  }

  private mutating func push(
    _ sections: [SealedSlice], _ transactions: ClosedRange<UInt64>, isPart: Bool = false,
    isPartial: Bool = false,
    _ world: World, _ entries: inout [PendingUpload]
  ) {
    let id = world.drawID()
    let bytes = SealedSlice.object(
      sections, id: id, previous: place.previous, session: session.number, stored: stored)
    push(id, bytes, transactions, isPart: isPart, isPartial: isPartial, &entries)
  }

  private mutating func push(
    _ id: EntryID, _ bytes: [UInt8], _ transactions: ClosedRange<UInt64>?, isPart: Bool = false,
    isPartial: Bool = false, _ entries: inout [PendingUpload]
  ) {
    let entry = PendingUpload(
      place: place, id: id, lastTransaction: transaction, state: state,
      position: WALPosition(salt: header.salt, frame: frame, checksum: sums), bytes: bytes, batch: nil,
      firstTime: 0,
      lastTime: 0, transactions: transactions, isPart: isPart, isPartial: isPartial, logBytes: 0)
    entries.append(entry)
    place = entry.next
  }
}
