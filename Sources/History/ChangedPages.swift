internal import Bytes
internal import Replica
internal import ReplicaFormat

/// Finds the pages that differ between two moments.
enum ChangedPages {
  /// Returns the pages that may differ; all other pages are the same at both moments.
  static func between(_ from: PageReader, _ to: PageReader) throws -> Set<UInt32> {
    let (first, second) = from.moment.transaction <= to.moment.transaction ? (from, to) : (to, from)
    if from.history === to.history {
      return Set(
        try to.history.changed(after: first.moment.transaction, through: second.moment.transaction))
    }
    var changed: Set<UInt32> = []
    for page in 1...max(from.pageCount, to.pageCount, 1) {
      let (old, new) = (try from.origin(of: page), try to.origin(of: page))
      if old == nil || old != new { changed.insert(page) }
    }
    return changed
  }

  /// Returns the pages of the free list and the pointer maps.
  ///
  /// See https://www.sqlite.org/fileformat2.html#the_freelist.
  static func unused(_ reader: PageReader) throws -> Set<UInt32> {
    var found: Set<UInt32> = []
    let (trunk, largestRoot, usable) = try reader.withPage(1) { bytes, index in
      (
        bytes.bigEndian(UInt32.self, at: index + 32), bytes.bigEndian(UInt32.self, at: index + 52),
        reader.pageSize - Int(bytes[index + 20])
      )
    }
    var next = trunk
    while next > 0, next <= reader.pageCount, found.insert(next).inserted {
      next = try reader.withPage(next) { bytes, index in
        let count = min(Int(bytes.bigEndian(UInt32.self, at: index + 4)), usable / 4 - 2)
        for number in 0..<max(count, 0) {
          found.insert(bytes.bigEndian(UInt32.self, at: index + 8 + 4 * number))
        }
        return bytes.bigEndian(UInt32.self, at: index)
      }
    }
    if largestRoot > 0 {
      let step = usable / 5 + 1
      for page in stride(from: 2, through: Int(reader.pageCount), by: step) { found.insert(UInt32(page)) }
    }
    found.insert(PageHash.lockPage(pageSize: reader.pageSize))
    return found
  }
}
