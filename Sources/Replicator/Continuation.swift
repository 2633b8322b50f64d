import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import SQLite
import WALFormat

/// Finds out whether a database continues what a replica holds, and from where.
///
/// The replica decides: its last slice or base says what the database was. The record beside the database only
/// spares reading the database (https://www.sqlite.org/wal.html#the_wal_file tells what salts mean).
struct Continuation {
  /// What the replica ends with.
  struct Tip: Sendable {
    let generation: GenerationID
    let transaction: UInt64
    let state: DatabaseState
    /// Of its last commit, microseconds since 1970.
    let time: Int64
    /// Where in the log it ended; nil for a base.
    let position: WALPosition?
    /// Objects lie after it that do not follow it: an upload was cut off, and its chain is not to be continued.
    let isCut: Bool
    /// What its generation holds, and the base that it goes on from.
    let contents: GenerationContents
    let base: UInt64
    /// The key its objects are encrypted with; nil where they are not.
    let keyID: String?
  }

  enum Decision {
    /// Goes on after the tip; the log up to `position` is in the replica.
    case resume(Tip, taken: [LogCommit], following: [LogCommit])
    /// Needs a new generation, for a reason to tell.
    case begin(reason: String)
    /// The database is empty and the replica is not.
    case refuse(Tip)
  }

  let record: PositionRecord?
  let stamp: PositionRecord.FileStamp?
  let url: String
  /// The key that the store encrypts with; nil where it does not.
  let keyID: String?

  static let keyChanged = "the encryption key changed"
  static let encryptionBegan = "encryption was turned on"

  /// The state at the end of the replica's newest generation that can be restored; nil where there is none.
  static func tip(of catalog: ReplicaCatalog) throws -> (tip: Tip?, newest: GenerationID?, last: UInt64) {
    let generations = try catalog.generations()
    var last: UInt64 = 0
    for generation in generations.reversed() {
      let contents = try catalog.contents(of: generation)
      last = max(last, contents.slices.map(\.transactions.upperBound).max() ?? 0, contents.bases.last ?? 0)
      guard let base = contents.bases.last else { continue }
      let chain = contents.chain(after: base)
      func tip(at moment: Moment, isCut: Bool) -> Tip {
        Tip(
          generation: generation, transaction: moment.transaction, state: moment.state, time: moment.time,
          position: moment.position, isCut: isCut || !chain.beyond.isEmpty, contents: contents, base: base,
          keyID: moment.keyID)
      }
      if let name = chain.slices.last {
        // Where it is damaged it cannot be gone on from, whatever became of it.
        if let moment = try end(of: ReplicaLayout.slice(generation, name), transaction: chain.end, catalog) {
          return (tip(at: moment, isCut: false), generations.last, last)
        }
      }
      let object = try catalog.store.content(of: ReplicaLayout.base(generation, transaction: base))
      let manifest = try catalog.manifest(generation, transaction: base, bytes: object.bytes)
      let moment = Moment(
        transaction: base, state: manifest.state, time: manifest.time, position: nil, keyID: object.keyID)
      return (tip(at: moment, isCut: !chain.slices.isEmpty), generations.last, last)
    }
    return (nil, generations.last, last)
  }

  /// The last moment of a run of slices, or that of a base.
  private struct Moment {
    let transaction: UInt64
    let state: DatabaseState
    let time: Int64
    let position: WALPosition?
    let keyID: String?
  }

  /// The moment that a slice ends with; nil where the slice is damaged.
  private static func end(
    of key: String, transaction: UInt64, _ catalog: ReplicaCatalog
  ) throws -> Moment? {
    let object: ObjectContent
    do throws(ObjectStoreError) {
      object = try catalog.store.whole(ObjectKey(key))
    } catch {
      guard error.code == .forged else { throw error }
      return nil
    }
    guard let slice = try? SliceReader(object.bytes, object: key), let commit = slice.commits.last else {
      return nil
    }
    return Moment(
      transaction: transaction, state: commit.state, time: commit.time, position: slice.endPosition,
      keyID: object.keyID)
  }

  /// Compares the database, with the commits its log holds, to the tip.
  ///
  /// `snapshot` makes a reader of the database as it was after so many commits of the log.
  func decide(
    tip: Tip?, newest: GenerationID?, wasEmpty: Bool, log: [LogCommit], pageSize: Int,
    snapshot: (_ commits: Int) throws -> Snapshot
  ) throws -> Decision {
    guard let tip else { return .begin(reason: "first generation") }
    if wasEmpty, tip.state.pages > 1 { return .refuse(tip) }
    // A generation has one key, or none.
    guard tip.keyID == keyID else {
      return .begin(reason: tip.keyID == nil ? Self.encryptionBegan : Self.keyChanged)
    }
    guard !tip.isCut else { return .begin(reason: "the last upload to the generation before was cut off") }
    guard newest == tip.generation else {
      return .begin(reason: "the generation before was left without a base")
    }
    guard tip.state.pageSize == pageSize else { return .begin(reason: "the page size is another") }
    let fileIsKnown = record.map { record in
      record.url == url && record.generation == tip.generation && record.file != nil && record.file == stamp
    }

    // The log holds the place where the replica ends: what follows is new.
    if let position = tip.position, let at = log.firstIndex(where: { $0.end == position }) {
      if try fileIsKnown == true || snapshot(at + 1).state() == tip.state {
        return .resume(tip, taken: Array(log[...at]), following: Array(log[(at + 1)...]))
      }
      return .begin(reason: "the database file is not what the replica holds")
    }
    // The log is empty or newer than the tip: then the file alone must hold the tip.
    if let record, fileIsKnown == true, record.transaction == tip.transaction, record.state == tip.state,
      record.isAtRest
    {
      return .resume(tip, taken: [], following: log)
    }
    let file = try snapshot(0)
    if file.pages == tip.state.pages || !log.isEmpty,
      try file.with(pages: tip.state.pages).state() == tip.state
    {
      return .resume(tip, taken: [], following: log)
    }
    return .begin(reason: "the database is not a continuation of the replica")
  }
}

extension Snapshot {
  /// The same file, read to another length.
  func with(pages: UInt32) -> Snapshot {
    Snapshot(file: file, log: log, header: header, frames: frames, pageSize: pageSize, pages: pages)
  }
}
