import Files
import ReplicaFormat

/// Builds a database from a base and the slices after it.
struct WALRestore {
  let source: ObjectSource
  let plan: RestorePlan
  /// Tells what took the place of slices that are gone; nil where that is the end of it.
  var replanning: Replanning?
  /// Folder in which slices are kept for another run; nil to keep none.
  var spool: PrivateFolder?

  /// Writes the database after transaction `last` into a file, and proves that it is what was mirrored.
  ///
  /// What an earlier run left in the file is used where it is right. With `copy`, the database after an earlier
  /// transaction is put into another file on the way.
  func build(
    in file: File, upTo last: UInt64, copying copy: (transaction: UInt64, file: File)? = nil
  ) throws -> SliceApplier.Outcome {
    try BaseWriter(source: source, manifest: plan.manifest, file: file).write()
    let applier = SliceApplier(base: plan.manifest, file: file)
    let (source, generation) = (source, plan.generation)
    applier.sizeAfter = { try source.pages(after: $0, of: generation) }
    if let copy, copy.transaction == applier.transaction { try applier.copy(to: copy.file) }
    var fetcher = self.fetcher(plan.items(upTo: last))
    while let (name, result) = try fetcher.next() {
      let bytes: [UInt8]
      do {
        bytes = try result.get()
      } catch let error as FormatError where error.isMissing && applier.isBetweenTransactions {
        guard let replanning else { throw error }
        let items = try replanning.replan(without: error, after: applier.transaction, upTo: last)
        source.expectLeft(items.reduce(0) { $0 + $1.size })
        fetcher = self.fetcher(items)
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
      throw RestoreError(
        .hole, "restore transaction \(last): the slices end with transaction \(applier.transaction)")
    }
    return try applier.finish()
  }

  private func fetcher(_ items: [FetchItem]) -> ObjectFetcher<[UInt8]> {
    let generation = plan.generation
    return ObjectFetcher(source, items, spool: spool) { object, bytes in
      let slice = try SliceReader(bytes, object: object)
      if let name = SliceName(key: object) { try slice.header.require(generation, name, object: object) }
      return bytes
    }
  }
}
