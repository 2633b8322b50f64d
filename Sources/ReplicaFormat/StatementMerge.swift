/// Merges the batches of consecutive transactions into one.
package struct StatementMerge: Sendable {
  /// Merges objects in order.
  ///
  /// Throws if an object is damaged or does not follow the one before.
  package static func merge(
    _ objects: [(name: String, bytes: [UInt8])], generation: GenerationID
  ) throws -> (transactions: ClosedRange<UInt64>, bytes: [UInt8])? {
    var builder = StatementBatchBuilder(generation: generation)
    var last: UInt64?
    for object in objects {
      let script = try StatementScript(object.bytes, object: object.name)
      guard script.generation == generation, last == nil || script.transactions.lowerBound == (last ?? 0) + 1
      else { throw FormatError(object.name, "it does not follow the batch before") }
      last = script.transactions.upperBound
      builder.append(transactions: script.transactions)
      let reader = try script.reader()
      while let text = try reader.nextText() { builder.append(text) }
    }
    return builder.seal()
  }
}
