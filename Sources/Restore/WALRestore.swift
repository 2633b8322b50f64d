import Files
import ReplicaCatalog
import ReplicaFormat

/// Builds a database from a base and the slices after it.
struct WALRestore {
  let source: ObjectSource
  let plan: RestorePlan
  /// Returns what replaced slices that are gone; nil if nothing did.
  var replanning: Replanning?
  /// The folder in which slices are kept for another run; nil to keep none.
  var spool: PrivateFolder?

  /// Writes the database after transaction `last` into a file, and proves it.
  ///
  /// Pages of an earlier run are used if they are right. With `copy`, the database after an earlier
  /// transaction is put into another file on the way.
  func build(
    in file: File, upTo last: UInt64, copying copy: (transaction: UInt64, file: File)? = nil
  ) throws -> SliceApplier.Outcome {
    try BaseWriter(source: source, manifest: plan.manifest, file: file).write()
    let applier = SliceApplier(base: plan.manifest, file: file)
    if let copy, copy.transaction == applier.transaction { try applier.copy(to: copy.file) }
    var fetcher = self.fetcher(of: plan.objects(upTo: last))
    while let (name, result) = try fetcher.next() {
      let bytes: [UInt8]
      do {
        bytes = try result.get()
      } catch let error as FormatError where error.isMissing && applier.isBetweenTransactions {
        guard let replanning else { throw error }
        let objects = try replanning.replan(without: error, after: applier.point, upTo: last)
        source.expectLeft(objects.reduce(0) { $0 + $1.size })
        fetcher = self.fetcher(of: objects)
        continue
      }
      let slice = try SliceReader(bytes, object: name)
      try applier.begin(slice, object: name)
      if let copy, applier.transaction < copy.transaction {
        let isDone = try applier.advance(slice, object: name, upTo: min(copy.transaction, last))
        if applier.transaction == copy.transaction { try applier.copy(to: copy.file) }
        if isDone { continue }
      }
      guard try applier.advance(slice, object: name, upTo: last) else { break }
    }
    guard applier.transaction == last else {
      if let damage = plan.damage { throw damage }
      throw RestoreError(
        .hole, "restore transaction \(last): the slices end with transaction \(applier.transaction)")
    }
    return try applier.finish()
  }

  private func fetcher(of objects: [ChainObject]) -> ObjectFetcher<[UInt8]> {
    .slices(source, objects, of: plan.generation, spool: spool)
  }
}

extension ObjectFetcher where Value == [UInt8] {
  /// Fetches objects of a chain, and checks that each is the one that the chain needs.
  static func slices(
    _ source: ObjectSource, _ objects: [ChainObject], of generation: GenerationID, spool: PrivateFolder? = nil
  ) -> ObjectFetcher {
    let byKey = Dictionary(objects.map { ($0.key, $0) }) { first, _ in first }
    let items = objects.map { FetchItem(name: $0.key, size: $0.size) }
    return ObjectFetcher(source, items, spool: spool) { key, bytes in
      if let object = byKey[key] { _ = try SliceReader(bytes, as: object, of: generation) }
      return bytes
    }
  }
}
