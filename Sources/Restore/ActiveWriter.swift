import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// The session that writes to a replica now, by its lease.
///
/// Objects that are missing at the end may still be in transit.
struct ActiveWriter {
  /// The process and its host.
  let text: String

  /// An older lease may be that of a killed session; seconds.
  private static let freshness = 120.0

  /// Fails (nil) if no session writes: the last session ended in order, or was killed.
  init?(_ source: ObjectSource) throws {
    let name = ReplicaLayout.lease
    let bytes: [UInt8]
    do {
      bytes = try source.retry { _ in try source.catalog.store.whole(ObjectKey(name)).bytes }
    } catch let error as ObjectStoreError where !error.isTransient {
      return nil
    }
    guard let record = try? LeaseRecord(bytes, object: name), !record.isClosed else { return nil }
    let holder = record.holder
    guard Self.isAlive(holder) ?? Self.isFresh(record, source.catalog.store) else { return nil }
    text = "process \(holder.session.process) on \(holder.session.host)"
  }

  /// Returns whether the process runs; nil if it is on another host.
  private static func isAlive(_ holder: LeaseRecord.Holder) -> Bool? {
    guard holder.session.host == ProcessIdentity.host, holder.boot == ProcessIdentity.boot else { return nil }
    return ProcessIdentity.start(of: holder.session.process).map { $0 == holder.processStart } ?? false
  }

  private static func isFresh(_ record: LeaseRecord, _ store: any ObjectStore) -> Bool {
    let now = (try? store.time()) ?? Clock.wallMicroseconds
    return abs(Double(now - record.renewed) / 1e6) < freshness
  }
}
