package import ReplicaFormat

extension SliceReader {
  /// Reads an object of a chain.
  ///
  /// Throws if it is not the one that the chain needs.
  package convenience init(_ bytes: [UInt8], as object: ChainObject, of generation: GenerationID)
    throws(FormatError)
  {
    try self.init(bytes, object: object.key)
    let commits =
      object.isLast ? Int(clamping: object.transactions.upperBound - object.transactions.lowerBound) + 1 : 0
    guard header.generation == generation, header.transactions == object.transactions,
      header.part == object.part, header.isLastPart == object.isLast, header.entry.id == object.id,
      header.entry.lastTransaction == object.transactions.upperBound, header.commitCount == commits
    else { throw FormatError(object.key, "its header does not fit its name") }
  }
}
