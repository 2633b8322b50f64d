import Files
import ObjectStore
import ReplicaFormat

/// Writes the position record from the facts of the stages.
///
/// May be used on any thread.
struct PositionRecorder: Sendable {
  let file: PositionFile
  let store: MeteredStore
  let progress: Progress
  let ledger: GenerationLedger
  let log: SessionLog
  let settings: MirrorSettings

  /// Writes the record; with `syncs`, SQLite's log is synced before.
  func save(syncs: Bool = true) { file.save(syncs: syncs, record) }

  private func record(isSynced: Bool) -> PositionRecord? {
    let (bytes, unmerged) = ledger.withLock { ($0.bytesSinceBase, $0.unmerged) }
    let session = log.current.session.number
    let identity = PositionRecord.FileIdentity.of(file.database)
    return progress.withLock {
      guard $0.hasBase, let tip = $0.tip else { return nil }
      return PositionRecord(
        url: store.url, place: tip.place, entries: tip.entries, session: session,
        transaction: tip.transaction, state: tip.state, position: tip.position, time: tip.time,
        unmerged: unmerged, statements: $0.statements.end, identity: identity, isSynced: isSynced,
        isAtRest: $0.restingTransaction == tip.transaction, captured: $0.captured, bytesSinceBase: bytes,
        file: $0.fileStamp,
        keyID: store.encryption?.keyID,
        writer: PositionRecord.Writer(
          process: ProcessIdentity.current, durability: settings.durability.rawValue))
    }
  }
}
