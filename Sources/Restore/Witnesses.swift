import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Places outside the log that were stored once, and so show that its end was lost (rule 15 of `Docs/Protocol.md`).
///
/// Of the newest entry nothing is left once it is deleted: no gap shows. But the lease, the record beside the database and
/// batches were written when it was there.
struct Witnesses {
  /// What the lease says, and what the record says.
  private let lease: Place?
  private let record: Place?

  /// Reads the lease; a lease that is absent or damaged proves nothing.
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

  /// The places that are in a generation: of another one they say nothing of its end.
  func of(_ generation: GenerationID) -> Witnesses {
    Witnesses(
      lease: lease?.generation == generation ? lease : nil,
      record: record?.generation == generation ? record : nil)
  }

  private init(lease: Place?, record: Place?) {
    self.lease = lease
    self.record = record
  }

  /// What each witness that the chain contradicts says.
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

  /// Why a place cannot be on the chain; nil if it may be.
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
