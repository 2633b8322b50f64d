import Bytes
import ReplicaCatalog
import ReplicaFormat

/// The parsed content of the store.
///
/// The proofs read it after every change, independently of the code under test.
final class Reading {
  struct Slice {
    let id: EntryID
    let transactions: ClosedRange<UInt64>
    let part: Int
    let isLast: Bool
    let before: Hash128
    /// The database after each commit.
    let states: [Hash128]
  }

  enum Entry {
    case slice(Slice)
    case turn(EntryID, TurnRecord.Successor?)
  }

  private(set) var slots: [Place: Entry] = [:]
  private(set) var merged: [GenerationID: [MergedName: Slice]] = [:]
  private(set) var bases: [GenerationID: [BaseName: BaseManifest]] = [:]
  private(set) var marks: [UInt32: MarkRecord] = [:]
  private(set) var parts: Set<String> = []
  /// Objects that cannot be parsed; no session makes any.
  private(set) var damaged: [String] = []

  func put(_ name: String, _ bytes: [UInt8]) {
    do {
      if let place = Place(key: name) {
        slots[place] = try entry(bytes, place, name)
      } else if let key = MergedName(key: name), let generation = ReplicaLayout.generation(of: name) {
        merged[generation, default: [:]][key] = try slice(bytes, name)
      } else if let key = BaseName(key: name), let generation = ReplicaLayout.generation(of: name) {
        bases[generation, default: [:]][key] = try BaseManifest(bytes, object: name)
      } else if let sequence = ReplicaLayout.markedSequence(of: name) {
        marks[sequence] = try MarkRecord(bytes, sequence: sequence)
      } else if name.hasPrefix(ReplicaLayout.pages) {
        parts.insert(name)
      }
    } catch {
      damaged.append("\(error)")
    }
  }

  func delete(_ name: String) {
    if let place = Place(key: name) {
      slots[place] = nil
    } else if let generation = ReplicaLayout.generation(of: name), let key = MergedName(key: name) {
      merged[generation]?[key] = nil
    } else if let generation = ReplicaLayout.generation(of: name), let key = BaseName(key: name) {
      bases[generation]?[key] = nil
    } else if let sequence = ReplicaLayout.markedSequence(of: name) {
      marks[sequence] = nil
    } else {
      parts.remove(name)
    }
  }

  private func entry(_ bytes: [UInt8], _ place: Place, _ name: String) throws -> Entry {
    guard TurnRecord.begins(bytes) else { return .slice(try slice(bytes, name)) }
    let turn = try TurnRecord(bytes, at: place)
    return .turn(turn.id, turn.successor)
  }

  private func slice(_ bytes: [UInt8], _ name: String) throws -> Slice {
    let reader = try SliceReader(bytes, object: name)
    let header = reader.header
    return Slice(
      id: header.entry.id, transactions: header.transactions.lowerBound...header.entry.lastTransaction,
      part: header.part, isLast: header.isLastPart, before: header.previous.checksum,
      states: reader.commits.map(\.state.checksum))
  }
}
