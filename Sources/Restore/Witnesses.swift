import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Objects outside the log that tell how far it once reached.
///
/// Of the newest slice nothing is left once it is deleted: no gap shows. But statements, the index and the lease were written
/// when it was there.
struct Witnesses {
  let source: ObjectSource
  let contents: GenerationContents
  /// Where the log ends now.
  let end: UInt64
  /// Whether no later generation is looked at.
  let isNewest: Bool
  /// What the replica's index names.
  var names = Names.unread

  enum Names: Sendable {
    case unread
    /// Nil where there is no index that is whole.
    case read(IndexRecord?)
  }

  /// What each witness that reaches further says.
  func testimonies() throws -> [String] { try ([statements] + objects()).compactMap { $0 } }

  /// What the index and the lease say.
  func objects() throws -> [String] { try [index(), lease()].compactMap { $0 } }

  /// What batches say.
  var statements: String? {
    guard let further = contents.statements.map(\.upperBound).max(), further > end else { return nil }
    return
      "statements up to transaction \(further) are in the replica, but the log ends with \(end): its upload was "
      + "never finished, or a slice was lost"
  }

  private func index() throws -> String? {
    let found: IndexRecord? =
      switch names {
      case .unread: try read(ReplicaLayout.index) { try IndexRecord($0) }
      case .read(let record): record
      }
    guard let record = found, record.generation == contents.generation,
      let further = (record.slices.map(\.name.transactions.upperBound) + record.bases).max(), further > end
    else { return nil }
    return
      "\(ReplicaLayout.index) names transactions up to \(further), but the log ends with \(end): a slice was lost"
  }

  private func lease() throws -> String? {
    let name = ReplicaLayout.lease
    guard let last = try read(name, { try LeaseRecord($0, object: name) })?.last else { return nil }
    let place = "the last session that ended in order left transaction \(last.transaction)"
    if last.generation == contents.generation, last.transaction > end {
      return "\(place) in the replica, but the log ends with \(end): a slice was lost"
    }
    guard isNewest, last.generation > contents.generation else { return nil }
    return "\(place) in generation \(last.generation), which cannot be restored: its objects were lost"
  }

  /// Nil where the object is not there or damaged: then it says nothing.
  private func read<Record>(_ name: String, _ parse: ([UInt8]) throws -> Record) throws -> Record? {
    do {
      return try parse(source.retry { _ in try source.catalog.read(name) })
    } catch is FormatError {
      return nil
    } catch let error as ObjectStoreError where !error.isTransient {
      return nil
    }
  }
}
