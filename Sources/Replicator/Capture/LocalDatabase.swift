import Bytes
import ReplicaFormat
import WALFormat

/// The local database at the start of a session, with the commits of its log.
struct LocalDatabase {
  let log: [LogCommit]
  let pageSize: Int
  /// The record beside the database, if it is of this replica; it can spare a read of the database.
  let record: PositionRecord?
  let stamp: PositionRecord.FileStamp?
  /// Returns a reader of the database after the first `commits` commits of the log.
  let snapshot: (_ commits: Int) throws -> Snapshot

  /// The commits of the log that the replica holds, and those that follow.
  struct Match {
    let taken: [LogCommit]
    let following: [LogCommit]
  }

  /// Finds the tip of a replica in the log or in the file; nil if the database does not continue
  /// it.
  func match(_ tip: ResumeDecision.Tip) throws -> Match? {
    guard tip.state.pageSize == pageSize else { return nil }
    let isFileKnown = record.map {
      $0.generation == tip.place.generation && $0.file != nil && $0.file == stamp
    }
    // The log holds the end of the replica: the commits after it are new.
    if let position = tip.position, let at = log.firstIndex(where: { $0.end == position }) {
      guard try isFileKnown == true || snapshot(at + 1).state() == tip.state else { return nil }
      return Match(taken: Array(log[...at]), following: Array(log[(at + 1)...]))
    }
    // The log is empty or newer than the tip: then the file alone must hold the tip.
    if let record, isFileKnown == true, record.transaction == tip.transaction, record.state == tip.state,
      record.isAtRest
    {
      return Match(taken: [], following: log)
    }
    let file = try snapshot(0)
    guard file.pages == tip.state.pages || !log.isEmpty,
      try file.with(pages: tip.state.pages).state() == tip.state
    else { return nil }
    return Match(taken: [], following: log)
  }
}

extension Snapshot {
  /// Returns the same file with another length.
  func with(pages: UInt32) -> Snapshot {
    Snapshot(file: file, log: log, header: header, frames: frames, pageSize: pageSize, pages: pages)
  }
}
