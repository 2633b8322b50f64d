import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

/// What is known of the replica's index, which names the objects that count.
struct IndexState {
  enum Presence {
    /// An earlier session of the generation may have left one.
    case unknown
    case absent
    case present
  }

  /// Objects put after which a new one is written.
  static let interval = 512
  /// Replaced objects that wait for a new index before one is written for their sake.
  static let mostWaiting = 64

  var presence = Presence.absent
  /// Objects put since it was written, and those of this session.
  var puts = 0
  var putsOfSession = 0
  /// Names that the index in the store has.
  var names: Set<String> = []
  /// Whether a base has come to count that it does not name.
  var isBaseNew = false

  init(presence: Presence = .absent, puts: Int = 0) {
    self.presence = presence
    self.puts = puts
  }

  mutating func notePut() {
    puts += 1
    putsOfSession += 1
  }
}

extension Upkeep {
  /// The next step to delete what was replaced.
  enum Removal {
    case learnIndex
    case writeIndex
    case remove(String)
  }

  /// Nil where nothing is due, or what is due is named by the index, which will soon be written anew.
  ///
  /// Objects go in the order in which they were replaced. So where an old index is used, what it names goes before what came
  /// after it: a restore finds that something is missing, and never an end that is none.
  func nextRemoval(at now: Double) -> Removal? {
    guard let first = replaced.first, first.due <= now else { return nil }
    switch index.presence {
    case .unknown: return .learnIndex
    case .absent: return .remove(first.name)
    case .present:
      guard index.names.contains(first.name) else { return .remove(first.name) }
      let isMuch = replaced.count >= IndexState.mostWaiting && replaced[IndexState.mostWaiting - 1].due <= now
      return isMuch ? .writeIndex : nil
    }
  }

  var isIndexDue: Bool {
    base != nil && (index.puts >= IndexState.interval || index.isBaseNew && index.presence != .absent)
  }

  /// What an index may tell now of transactions up to these; what it leaves out begins after what it names.
  func indexRecord(upTo last: (slices: UInt64, batches: UInt64)) -> IndexRecord? {
    guard let generation, let base else { return nil }
    var end = base
    var slices: [IndexRecord.Slice] = []
    var parts: [IndexRecord.Slice] = []
    for item in self.slices.items {
      guard ReplicaLayout.generation(of: item.name) == generation, let name = SliceName(key: item.name),
        name.transactions.lowerBound == end + 1, name.part == parts.count + 1,
        name.transactions.upperBound <= last.slices
      else { break }
      parts.append(IndexRecord.Slice(name, size: item.size))
      // A transaction counts once all its parts are there.
      guard name.part == name.parts else { continue }
      slices += parts
      parts = []
      end = name.transactions.upperBound
    }
    var reach = base
    var batches: [IndexRecord.Batch] = []
    for item in self.batches.items {
      // Statements may be there before the slice, and are taken back where that never comes.
      guard ReplicaLayout.generation(of: item.name) == generation, item.transactions.lowerBound <= reach + 1,
        item.transactions.upperBound <= min(end, last.batches)
      else { break }
      guard item.transactions.upperBound > reach else { continue }
      batches.append(IndexRecord.Batch(item.transactions, size: item.size))
      reach = item.transactions.upperBound
    }
    return IndexRecord(generation: generation, bases: [base], slices: slices, batches: batches)
  }

  /// This is the index that is in the store.
  mutating func noteIndex(_ record: IndexRecord, puts: Int) {
    index.presence = .present
    index.names = Set(record.names)
    index.puts = puts
    index.isBaseNew = base != record.bases.last
    slices.fence = record.slices.last?.name.transactions.upperBound
    batches.fence = record.batches.last?.transactions.upperBound
  }
}

extension Engine {
  /// Writes the index anew once so many objects came after it that a restore would list them, or a base that it does not
  /// name counts.
  func writeIndexIfDue() throws {
    guard upkeep.withLock({ $0.isIndexDue }) else { return }
    if upkeep.withLock({ $0.index.presence == .unknown }) { try learnIndex() }
    if upkeep.withLock({ $0.isIndexDue }) { try writeIndex() }
  }

  /// Finds out whether an earlier session has left an index of this generation.
  func learnIndex() throws {
    let key = try ObjectKey(ReplicaLayout.index)
    var found: IndexRecord?
    do throws(ObjectStoreError) {
      let bytes = try store.whole(key).bytes
      // A damaged one is as good as none.
      found = try? IndexRecord(bytes)
    } catch {
      guard [.notFound, .forged, .sealed].contains(error.code) else { throw error }
    }
    upkeep.withLock { upkeep in
      guard upkeep.index.presence == .unknown else { return }
      upkeep.index.presence = .absent
      guard let found, found.generation == upkeep.generation else { return }
      let names = Set(found.names)
      let others =
        upkeep.slices.items.lazy.filter { !names.contains($0.name) }.count
        + upkeep.batches.items.lazy.filter { !names.contains($0.name) }.count
        + upkeep.replaced.lazy.filter { !names.contains($0.name) }.count
      upkeep.noteIndex(found, puts: others)
    }
  }

  /// Writes the index of what is there now; false where that is not to be.
  ///
  /// Only the thread that calls merges, and deletes what an index may name.
  @discardableResult
  func writeIndex() throws -> Bool {
    guard settings.mergesObjects else { return false }
    upkeep.withLock { ($0.slices.fence, $0.batches.fence) = (nil, nil) }
    guard let last = try mergeTails() else { return false }
    let (record, puts) = upkeep.withLock { ($0.indexRecord(upTo: last), $0.index.puts) }
    guard let record else { return false }
    let object = Outgoing.Object(name: ReplicaLayout.index, bytes: record.bytes)
    guard try upload(object, unlessPresent: false) else { return false }
    upkeep.withLock {
      guard $0.generation == record.generation else { return }
      $0.noteIndex(record, puts: $0.index.puts - puts)
    }
    return true
  }
}
