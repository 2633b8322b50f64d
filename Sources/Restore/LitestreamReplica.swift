import Interchange
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// A replica of Litestream 0.5: its listing, and its files piece by piece.
struct LitestreamReplica {
  let store: any ObjectStore
  /// Retries transient failures.
  let source: ObjectSource

  init(_ store: any ObjectStore, patience: Double, isInterrupted: (@Sendable () -> Bool)?) {
    self.store = store
    source = ObjectSource(ReplicaCatalog(store), patience: patience, isInterrupted: isInterrupted)
  }

  /// Returns all its files, by its listings.
  func items() throws -> [LTXChain.Item] {
    var found: [LTXChain.Item] = []
    // Levels are `ltx/0` to `ltx/9` in a directory and `0000` to `0009` in S3.
    for prefix in ["ltx/", "000"] {
      for object in try source.retry({ _ in try store.listAll(prefix: prefix) }) {
        guard let name = LTXName(key: object.key.name) else { continue }
        found.append(LTXChain.Item(name: name, size: object.size))
      }
    }
    return found
  }

  /// Throws the error for a place without a file of Litestream's.
  func requireItems() throws -> [LTXChain.Item] {
    let items = try items()
    guard items.isEmpty else { return items }
    var hint = ""
    let others = try source.retry { _ in
      try store.list(prefix: ReplicaLayout.generations, after: nil, limit: 1).objects
    }
    if let key = others.first?.key.name {
      hint =
        ReplicaLayout.generation(of: key) != nil
        ? ", but one of this program: remove litestream: from the name" : " 0.5 (one of 0.3 is not read)"
    }
    throw RestoreError(.nothing, "\(store.url) holds no replica of Litestream\(hint)")
  }

  func header(_ item: LTXChain.Item) throws -> LTXHeader {
    let key = item.name.key
    let bytes = try read(key, 0..<min(LTXHeader.size, item.size))
    return try require(LTXHeader(bytes, object: key), item)
  }

  /// Returns a reader of a file; `tell` gets the number of bytes of each piece that arrives.
  func open(_ item: LTXChain.Item, _ tell: @escaping (Int) -> Void) throws -> LTXReader {
    let key = item.name.key
    let reader = try LTXReader(key, size: item.size) { range in
      let bytes = try read(key, range)
      tell(bytes.count)
      return bytes
    }
    _ = try require(reader.header, item)
    return reader
  }

  private func require(_ header: LTXHeader, _ item: LTXChain.Item) throws -> LTXHeader {
    guard header.transactions == item.name.transactions else {
      throw LTXError(
        item.name.key,
        "it is of transactions \(header.transactions.lowerBound) to \(header.transactions.upperBound)")
    }
    return header
  }

  private func read(_ key: String, _ range: Range<Int>) throws -> [UInt8] {
    do {
      return try source.retry { _ in try store.get(ObjectKey(key), range: range).bytes }
    } catch let error as ObjectStoreError where error.code == .notFound {
      throw LTXError(key, "it is missing from \(store.url)")
    }
  }
}
