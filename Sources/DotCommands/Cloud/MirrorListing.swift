import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import Shell

/// `.mirror list`: prints the generations of a replica, and what can be restored from them.
struct MirrorListing {
  private let catalog: ReplicaCatalog
  private let source: ObjectSource

  init(_ store: any ObjectStore, _ observer: MirrorSession) {
    catalog = ReplicaCatalog(store)
    source = ObjectSource(catalog, patience: observer.patience, isInterrupted: observer.isInterrupted)
  }

  /// An unbroken run of transactions that can be restored.
  private struct Range {
    let transactions: ClosedRange<UInt64>
    let first: Int64
    let last: Int64
  }

  private struct Base {
    let transaction: UInt64
    let time: Int64
    /// The size of the database, and of the stored parts of the base.
    let size: Int
    let bytes: Int
  }

  private struct Entry {
    let generation: GenerationID
    let record: GenerationRecord?
    /// The last transaction of the generation before that a fork abandoned; nil if there is none.
    let leftBehind: UInt64?
    let ranges: [Range]
    let bases: [Base]
    let objects: Int
    let bytes: Int
  }

  func print(to session: Session, json: Bool) throws {
    var history = try source.retry { _ in try ReplicaHistory(catalog) }
    let generations = try source.retry { _ in try history.all() }
    var entries: [Entry] = []
    for generation in generations {
      let contents = try source.retry { _ in try history.contents(of: generation) }
      entries.append(try entry(contents, generation))
    }
    if json {
      session.output.print("[" + entries.map { self.json($0) }.joined(separator: ",\n") + "]")
      return
    }
    if entries.isEmpty { session.output.tell("\(catalog.store.url) holds no replica") }
    for entry in entries { for line in text(entry) { session.output.tell(line) } }
  }

  private func entry(_ contents: GenerationContents, _ link: ReplicaHistory.Generation) throws -> Entry {
    let generation = contents.generation
    let seal = try? link.seal.map { place in try source.read(place.key) { try TurnRecord($0, at: place) } }
    let name = ReplicaLayout.record(generation)
    let record = try? source.read(name) { try GenerationRecord($0, object: name) }
    var manifests: [BaseName: BaseManifest] = [:]
    for base in contents.bases {
      manifests[base] = try source.read(base.key(in: generation)) {
        try catalog.manifest(generation, base, bytes: $0)
      }
    }
    var ranges: [Range] = []
    for (name, chain) in contents.restorable {
      guard let base = manifests[name] else { continue }
      let end = ChainEnd(source: source, generation: generation, base: base, chain: chain)
      ranges.append(
        Range(
          transactions: name.transaction...chain.end, first: base.time,
          last: try end.moment(of: chain.end).time))
    }
    let bases = contents.bases.compactMap { manifests[$0] }.map {
      Base(
        transaction: $0.transaction, time: $0.time, size: Int($0.state.pages) * $0.state.pageSize,
        bytes: $0.parts.reduce(0) { $0 + $1.compressedSize })
    }
    return Entry(
      generation: generation, record: record,
      leftBehind: seal?.successor.flatMap { $0.isFork ? $0.transaction : nil },
      ranges: ranges, bases: bases, objects: contents.objectCount,
      bytes: contents.byteCount)
  }

  private func text(_ entry: Entry) -> [String] {
    var head = "\(entry.generation)  \(entry.objects) objects, \(entry.bytes) bytes"
    if let record = entry.record {
      head += "  (\(record.reason))  by \(record.writer)"
    }
    let fork = entry.leftBehind.map {
      ["  a fork: transactions up to \($0) of the generation before are left behind"]
    }
    let ranges = entry.ranges.map {
      "  transactions \($0.transactions.lowerBound) to \($0.transactions.upperBound)  \(ISOTime.text($0.first)) to "
        + ISOTime.text($0.last)
    }
    let bases = entry.bases.map {
      "  base \($0.transaction)  \(ISOTime.text($0.time))  \($0.size) bytes of database, \($0.bytes) stored"
    }
    return [head] + (fork ?? []) + (ranges.isEmpty ? ["  no base: nothing can be restored"] : ranges) + bases
  }

  private func json(_ entry: Entry) -> String {
    var object = JSONText()
    object.add("generation", text: "\(entry.generation)")
    object.add("reason", text: entry.record?.reason)
    object.add("writer", text: entry.record?.writer)
    object.add("began", text: entry.record.map { ISOTime.text($0.time) })
    object.add("fork_of", raw: entry.leftBehind.map { "\($0)" } ?? "null")
    object.add("objects", raw: "\(entry.objects)")
    object.add("bytes", raw: "\(entry.bytes)")
    object.add(
      "ranges",
      raw: Self.array(entry.ranges) { range, object in
        object.add("first_transaction", raw: "\(range.transactions.lowerBound)")
        object.add("last_transaction", raw: "\(range.transactions.upperBound)")
        object.add("first_time", text: ISOTime.text(range.first))
        object.add("last_time", text: ISOTime.text(range.last))
      })
    object.add(
      "bases",
      raw: Self.array(entry.bases) { base, object in
        object.add("transaction", raw: "\(base.transaction)")
        object.add("time", text: ISOTime.text(base.time))
        object.add("database_bytes", raw: "\(base.size)")
        object.add("bytes", raw: "\(base.bytes)")
      })
    return object.text
  }

  private static func array<Element>(
    _ elements: [Element], _ add: (Element, inout JSONText) -> Void
  ) -> String {
    let objects = elements.map { element in
      var object = JSONText()
      add(element, &object)
      return object.text
    }
    return "[" + objects.joined(separator: ",") + "]"
  }
}
