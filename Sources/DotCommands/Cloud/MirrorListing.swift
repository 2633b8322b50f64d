import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Shell

/// Prints the generations of a replica and what can be restored from them.
struct MirrorListing {
  private let catalog: ReplicaCatalog
  init(_ store: any ObjectStore) { catalog = ReplicaCatalog(store) }

  private struct Entry {
    let generation: GenerationID
    let record: GenerationRecord?
    let first: UInt64?
    let last: UInt64?
    let firstTime: Int64?
    let lastTime: Int64?
    let objects: Int
    let bytes: Int
  }

  func print(to session: Session, json: Bool) throws {
    let entries = try catalog.generations().map { try entry($0) }
    if json {
      session.output.print("[" + entries.map { self.json($0) }.joined(separator: ",\n") + "]")
      return
    }
    if entries.isEmpty { session.output.print("\(catalog.store.url) holds no replica") }
    for entry in entries { session.output.print(text(entry)) }
  }

  private func entry(_ generation: GenerationID) throws -> Entry {
    let contents = try catalog.contents(of: generation)
    let name = ReplicaLayout.record(generation)
    let record = try? GenerationRecord(catalog.read(name), object: name)
    let first = contents.bases.first
    let chain = first.map { contents.chain(after: $0) }
    var lastTime: Int64?
    if let slice = chain?.slices.last {
      let key = ReplicaLayout.slice(generation, slice)
      lastTime = try SliceReader(catalog.read(key), object: key).commits.last?.time
    }
    let firstTime = try first.map { try catalog.manifest(generation, transaction: $0).time }
    return Entry(
      generation: generation, record: record, first: first, last: chain?.end, firstTime: firstTime,
      lastTime: lastTime ?? firstTime, objects: contents.slices.count + contents.statements.count,
      bytes: contents.byteCount)
  }

  private func text(_ entry: Entry) -> String {
    guard let first = entry.first, let last = entry.last else {
      return "\(entry.generation)  no base yet, nothing can be restored"
    }
    let times = [entry.firstTime, entry.lastTime].map { $0.map(ISOTime.text) ?? "unknown" }
    return "\(entry.generation)  transactions \(first) to \(last)  \(times[0]) to \(times[1])  "
      + "\(entry.objects) objects, \(entry.bytes) bytes"
      + (entry.record.map { "  (\($0.reason))" } ?? "")
  }

  private func json(_ entry: Entry) -> String {
    var object = JSONText()
    object.add("generation", text: "\(entry.generation)")
    object.add("first_transaction", raw: entry.first.map { "\($0)" } ?? "null")
    object.add("last_transaction", raw: entry.last.map { "\($0)" } ?? "null")
    object.add("first_time", text: entry.firstTime.map(ISOTime.text))
    object.add("last_time", text: entry.lastTime.map(ISOTime.text))
    object.add("objects", raw: "\(entry.objects)")
    object.add("bytes", raw: "\(entry.bytes)")
    object.add("reason", text: entry.record?.reason)
    return object.text
  }
}
