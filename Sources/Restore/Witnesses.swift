import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Places outside of the log that were stored once, and prove that its end was lost (rule 15 of
/// `Docs/Protocol.md`).
///
/// If the newest entry is deleted, the log shows no gap. But the lease, the record beside the
/// database and batches were written when the entry existed.
struct Witnesses {
  /// The places in the lease and in the record.
  private let lease: Place?
  private let record: Place?

  /// Reads the lease.
  ///
  /// A missing or damaged lease proves nothing.
  init(_ source: ObjectSource, record: Place?) throws {
    self.record = record
    lease = try Self.lease(source)?.last
  }

  private static func lease(_ source: ObjectSource) throws -> LeaseRecord? {
    let name = ReplicaLayout.lease
    do {
      return try LeaseRecord(source.retry { _ in try source.catalog.read(name) }, object: name)
    } catch is FormatError {
      return nil
    } catch let error as ObjectStoreError where !error.isTransient {
      return nil
    }
  }

  /// Returns the places in a generation.
  ///
  /// A place in another one proves nothing about its end.
  func of(_ generation: GenerationID) -> Witnesses {
    Witnesses(
      lease: lease?.generation == generation ? lease : nil,
      record: record?.generation == generation ? record : nil)
  }

  private init(lease: Place?, record: Place?) {
    self.lease = lease
    self.record = record
  }

  /// Returns a sentence for each witness that contradicts the chain.
  func testimonies(against chain: Chain, _ contents: GenerationContents) -> [String] {
    let places = [(ReplicaLayout.lease, lease), ("the record beside the database", record)]
    var found = places.compactMap { name, place in
      place.flatMap { Self.contradiction($0, chain) }.map { "\(name) says that \($0)" }
    }
    if let last = contents.batches.keys.map(\.transactions.upperBound).max(), last > chain.end {
      found.append(
        "statements up to transaction \(last) are in the replica, but the log ends with \(chain.end): a slice was lost"
      )
    }
    return found
  }

  /// Returns the reason why a place cannot be on the chain; nil if it may be.
  private static func contradiction(_ place: Place, _ chain: Chain) -> String? {
    let generation = chain.tip.generation
    let last = place.transaction - 1
    if place.generation.sequence > generation.sequence {
      return "transaction \(last) was stored in generation \(place.generation), which is lost"
    }
    guard place.generation.sequence == generation.sequence else { return nil }
    guard place.generation == generation else {
      return "generation \(place.generation) is on the chain, not \(generation)"
    }
    guard last > chain.end else { return nil }
    return "transaction \(last) was stored, but the log ends with \(chain.end): a slice was lost"
  }
}
