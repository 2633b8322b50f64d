internal import ReplicaFormat

extension GenerationContents {
  /// Runs of transactions that can be restored, in order: each begins with a base and ends where the slices do.
  ///
  /// There is more than one where history between them was removed.
  package var restorable: [ClosedRange<UInt64>] {
    var ranges: [ClosedRange<UInt64>] = []
    for base in bases.sorted() {
      if let last = ranges.last, last.upperBound >= base { continue }
      let chain = chain(after: base)
      ranges.append(base...chain.end)
    }
    return ranges
  }
}
