package import ObjectStore
package import ReplicaFormat

/// Reads from a store what a replica holds.
package struct ReplicaCatalog: Sendable {
  package let store: any ObjectStore

  package init(_ store: any ObjectStore) { self.store = store }

  /// Generations in order, at one request each.
  package func generations() throws(ObjectStoreError) -> [GenerationID] {
    var found: [GenerationID] = []
    var after: String?
    while true {
      let page = try store.list(prefix: ReplicaLayout.generations, after: after, limit: 1)
      guard let key = page.objects.first?.key.name else { return found }
      guard let generation = ReplicaLayout.generation(of: key) else {
        after = key
        continue
      }
      found.append(generation)
      after = ReplicaLayout.end(of: generation)
    }
  }

  /// Everything a generation holds, from its listing.
  package func contents(of generation: GenerationID) throws(ObjectStoreError) -> GenerationContents {
    var contents = GenerationContents(generation: generation)
    for object in try store.listAll(prefix: ReplicaLayout.folder(generation)) { contents.add(object) }
    return contents
  }

  /// The bytes of an object; what a replica names must be there.
  package func read(_ name: String) throws -> [UInt8] { try store.content(of: name).bytes }

  package func manifest(_ generation: GenerationID, transaction: UInt64) throws -> BaseManifest {
    try manifest(
      generation, transaction: transaction,
      bytes: read(ReplicaLayout.base(generation, transaction: transaction)))
  }

  /// The manifest that an object holds which was read already.
  package func manifest(
    _ generation: GenerationID, transaction: UInt64, bytes: [UInt8]
  ) throws(FormatError) -> BaseManifest {
    let name = ReplicaLayout.base(generation, transaction: transaction)
    let manifest = try BaseManifest(bytes, object: name)
    guard manifest.generation == generation, manifest.transaction == transaction else {
      throw FormatError(
        name, "it is that of generation \(manifest.generation), transaction \(manifest.transaction)")
    }
    return manifest
  }

  /// The header of a slice object, without its content.
  package func sliceHeader(_ generation: GenerationID, _ name: SliceName) throws -> SliceHeader {
    let key = ReplicaLayout.slice(generation, name)
    let bytes = try store.content(of: key, 0..<SliceHeader.most).bytes
    return try SliceHeader(bytes, object: key)
  }
}

extension ObjectStore {
  /// All of an object that is no longer than one of its kind can be.
  ///
  /// Throws `.forged` for a longer one: trying again would not help.
  package func whole(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectContent {
    do throws(ObjectStoreError) {
      return try get(key, range: nil)
    } catch {
      guard error.code == .damaged, let size = try head(key)?.size,
        size > ReplicaLayout.largestObject(key.name)
      else { throw error }
      throw ObjectStoreError(
        .forged, verb: "get", object: key.name,
        cause: "its \(size) bytes are more than such an object can have")
    }
  }

  /// What a replica names must be there, and be what was put there: a `FormatError` says that it is not.
  package func content(of name: String, _ range: Range<Int>? = nil) throws -> ObjectContent {
    do throws(ObjectStoreError) {
      guard let range else { return try whole(ObjectKey(name)) }
      return try get(ObjectKey(name), range: range)
    } catch {
      switch error.code {
      case .notFound: throw FormatError(name, "it is missing from \(url)", isMissing: true)
      case .forged: throw FormatError(name, error.cause)
      default: throw error
      }
    }
  }
}
