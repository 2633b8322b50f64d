internal import WALFormat

/// Makes one object of the slices of consecutive transactions, every commit kept.
///
/// Slices of the same epoch become one section, compressed anew together; each epoch has sections of its own.
package struct SliceMerge: Sendable {
  /// Bytes of pages in one section at most; what is larger already stays as it is.
  private static let sectionBytes = 16 << 20

  /// Merges objects given in order.
  ///
  /// `acknowledged` is the last transaction that is in the store now. Throws where one is damaged, does not follow the one
  /// before, or is a part of a transaction.
  package static func merge(
    _ objects: [(name: String, bytes: [UInt8])], acknowledged: UInt64, created: Int64
  ) throws(FormatError) -> (name: SliceName, bytes: [UInt8]) {
    var out: [UInt8] = []
    var builder: SliceBuilder?
    var first: UInt64?
    var last: UInt64 = 0
    func seal() {
      if let open = builder { out += open.seal(acknowledged: acknowledged, created: created).bytes }
      builder = nil
    }
    for object in objects {
      let reader = try SliceReader(object.bytes, object: object.name)
      var commit = 0
      guard reader.header.parts == 1, first == nil || reader.header.transactions.lowerBound == last + 1
      else { throw FormatError(object.name, "it does not follow the slice before") }
      first = first ?? reader.header.transactions.lowerBound
      last = reader.header.transactions.upperBound
      for header in reader.sectionHeaders {
        let size = header.walHeader.pageSize
        if let open = builder,
          !open.isContinued(by: header) || open.byteCount + header.frameCount * size > sectionBytes
        {
          seal()
        }
        let open = builder ?? SliceBuilder(continuing: header)
        builder = open
        for _ in 0..<header.frameCount {
          try reader.copyNext(to: open)
          while commit < reader.commits.count, reader.commits[commit].frames == reader.frameIndex {
            let ended = reader.commits[commit]
            open.endCommit(time: ended.time, state: ended.state, checksum: header.end)
            commit += 1
          }
        }
      }
    }
    seal()
    return (SliceName((first ?? 0)...last), out)
  }
}
