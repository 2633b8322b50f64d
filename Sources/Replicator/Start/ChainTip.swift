import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// Finds the last entry of a replica.
struct ChainTip {
  let catalog: ReplicaCatalog

  /// The tip, and the listed content of its generation.
  struct Found: Sendable {
    let tip: ResumeDecision.Tip
    /// Nil if the record beside the database made the listings unnecessary.
    let contents: GenerationContents?
    let base: BaseName?
    let chain: Chain?
    /// Marks that are due.
    let unmarked: [MarkRecord]
    /// The proof that the end of the log was lost; nil if there is none.
    var loss: String?
  }

  /// Returns the place in the record if it is still the tip.
  ///
  /// One listing shows that nothing follows the record's last entry.
  func recorded(_ record: PositionRecord) throws -> Found? {
    // An object with another key, or without encryption, is read to notice the difference.
    guard let first = record.entries.first, record.keyID == catalog.store.encryption?.keyID else {
      return nil
    }
    let folder = ReplicaLayout.slots(first.generation)
    let found = try catalog.store.list(
      prefix: folder, after: folder + ReplicaLayout.fromTransaction(first.transaction),
      limit: record.entries.count + 1)
    guard Set(found.objects.map(\.key.name)) == Set(record.entries.map(\.key)), !found.isTruncated else {
      return nil
    }
    let tip = ResumeDecision.Tip(
      place: record.place, entries: record.entries, transaction: record.transaction, state: record.state,
      time: record.time, position: record.position, keyID: record.keyID, session: record.session, writer: nil)
    return Found(tip: tip, contents: nil, base: nil, chain: nil, unmarked: [])
  }

  /// The maximum number of times that the chain is read while objects of it are deleted.
  private static let rounds = 8

  /// Returns the tip of the chain; nil if the replica holds nothing.
  ///
  /// If an object is gone when it is read, it starts again: the next listing has its replacement
  /// (rule 13).
  func read() throws -> Found? {
    for _ in 1..<Self.rounds {
      do {
        return try readOnce()
      } catch let error as FormatError where error.isMissing {}
    }
    return try readOnce()
  }

  private func readOnce() throws -> Found? {
    var history = try ReplicaHistory(catalog)
    guard var end = try history.end(batches: true) else { return nil }
    if end.contents.proofOfLoss(after: end.chain) != nil {
      // The first listing may be older than its objects. Therefore only the second one is proof.
      var again = try ReplicaHistory(catalog)
      end = try again.end(batches: true) ?? end
    }
    if let damage = end.chain.damage { throw damage }
    let moment = try moment(end)
    let last = end.contents.slots.keys.map(\.transaction).max() ?? 0
    let entries = end.contents.slots.keys.filter { $0.transaction == last }
    let turn = end.chain.turns.last
    let tip = ResumeDecision.Tip(
      place: end.chain.tip, entries: entries, transaction: end.chain.end, state: moment.state,
      time: moment.time,
      position: moment.position, keyID: moment.keyID, session: moment.session ?? turn?.session.number,
      writer: turn?.session.text)
    return Found(
      tip: tip, contents: end.contents, base: end.base, chain: end.chain, unmarked: end.unmarked,
      loss: end.contents.proofOfLoss(after: end.chain))
  }

  /// Returns the last writer of a generation, if it is known.
  func writer(_ tip: ResumeDecision.Tip) -> String? {
    if let writer = tip.writer ?? (try? read())?.tip.writer { return writer }
    let name = ReplicaLayout.record(tip.place.generation)
    return try? GenerationRecord(catalog.read(name), object: name).writer
  }

  /// Returns whether a place is on the chain that leads to a tip (rule 15).
  ///
  /// The chain has an entry at the place or covers it, or it is the tip.
  func holds(_ place: Place, tip: Place) throws -> Bool {
    if place == tip { return true }
    if place.generation != tip.generation {
      guard place.generation.sequence < tip.generation.sequence,
        try catalog.mark(place.generation.sequence)?.generation == place.generation
      else { return false }
    }
    let contents = try catalog.contents(of: place.generation)
    return contents.slots[place] != nil
      || contents.merged.keys.contains { $0.transactions.contains(place.transaction) }
      || contents.bases.contains { $0.transaction >= place.transaction }
      || contents.bases.isEmpty && contents.generation != tip.generation
  }

  private struct Moment {
    let state: DatabaseState
    let time: Int64
    let position: WALPosition?
    let keyID: String?
    let session: UInt64?
  }

  private func moment(_ end: ReplicaHistory.End) throws -> Moment {
    guard let last = end.chain.objects.last else {
      let object = try catalog.store.content(of: end.base.key(in: end.contents.generation))
      let manifest = try catalog.manifest(end.contents.generation, end.base, bytes: object.bytes)
      return Moment(
        state: manifest.state, time: manifest.time, position: nil, keyID: object.keyID, session: nil)
    }
    let object = try catalog.store.content(of: last.key)
    let slice = try SliceReader(object.bytes, object: last.key)
    guard let commit = slice.commits.last, slice.header.entry.id == last.id else {
      throw FormatError(last.key, "its header does not fit its name")
    }
    return Moment(
      state: commit.state, time: commit.time, position: slice.endPosition, keyID: object.keyID,
      session: slice.header.entry.session == 0 ? nil : slice.header.entry.session)
  }

  /// Returns the last transaction before the tip with this database state.
  ///
  /// Returns nil if there is none since the newest base.
  func transaction(of state: DatabaseState, in found: Found) throws -> UInt64? {
    let tip = found.tip.transaction
    guard let found = found.contents == nil ? try read() : found, let contents = found.contents,
      let chain = found.chain
    else { return nil }
    for object in chain.objects.reversed() where object.isLast {
      let slice = try SliceReader(catalog.store.content(of: object.key).bytes, object: object.key)
      if let index = slice.commits.lastIndex(where: { $0.state == state }) {
        // Another session may have stored more since the tip was found.
        let transaction = object.transactions.lowerBound + UInt64(index)
        return transaction < tip ? transaction : nil
      }
    }
    for base in contents.bases.reversed() where base.transaction < tip {
      if try catalog.manifest(contents.generation, base).state == state { return base.transaction }
    }
    return nil
  }
}
