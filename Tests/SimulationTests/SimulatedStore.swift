import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// The store as one session sees it: each call passes the baton on, and may meet a fault.
///
/// Calls of threads without a task, such as those that read several entries at once, count as part
/// of the listing before.
struct SimulatedStore: ObjectStore {
  let world: World
  let name: String
  /// Whether calls fail and answers get lost; readers meet only missing objects.
  var isFaulty = true
  var url: String { world.store.url }

  private var refused: ObjectStoreError {
    ObjectStoreError(.serverError, verb: "ask", object: name, cause: "503")
  }
  private var lost: ObjectStoreError {
    ObjectStoreError(.timeout, verb: "ask", object: name, cause: "no answer")
  }
  private var dead: ObjectStoreError {
    ObjectStoreError(.io, verb: "ask", object: name, cause: "the session died")
  }

  /// Passes the baton on; throws if the session has died meanwhile.
  private func wait(_ task: Baton.Task) throws(ObjectStoreError) {
    guard !task.life.isDead else { throw dead }
    world.baton.yield(task)
    guard !task.life.isDead else { throw dead }
  }

  // MARK: Changes

  @discardableResult
  func put(_ key: ObjectKey, _ bytes: [UInt8], _ condition: PutCondition) throws(ObjectStoreError) -> ETag {
    do throws(ObjectStoreError) {
      return try change(World.Request(from: name, key: key, bytes: bytes, condition: condition))
    } catch {
      guard error.code == .preconditionFailed, world.settings.broken == .existsIsOurs,
        Place(key: key.name) != nil
      else { throw error }
      return ETag("")
    }
  }

  func delete(_ key: ObjectKey) throws(ObjectStoreError) {
    _ = try change(World.Request(from: name, key: key, bytes: nil, condition: .always))
  }

  private func change(_ request: World.Request) throws(ObjectStoreError) -> ETag {
    guard let task = Baton.current else { return try world.apply(request) }
    try wait(task)
    let what = "\(name) \(request.bytes == nil ? "DELETE" : "PUT") \(world.short(request.key.name))"
    let rate = isFaulty ? world.settings.faults : 0
    switch world.choices.weighted([rate, rate * 2, rate / 2, rate / 2, rate / 4]) {
    case 1:
      _ = try told(request, "\(what), no answer")
      throw lost
    case 2:
      world.tell("\(what), on its way, no answer")
      world.send(later: request)
      throw lost
    case 3:
      world.send(later: request)
      return try told(request, "\(what), sent twice")
    case 4:
      world.tell("\(what): 503")
      throw refused
    case 5:
      task.life.isDead = true
      world.tell("\(what), and dies")
      if world.choices.chance(500) { world.send(later: request) } else { _ = try? world.apply(request) }
      throw dead
    default: return try told(request, what)
    }
  }

  private func told(_ request: World.Request, _ what: String) throws(ObjectStoreError) -> ETag {
    do throws(ObjectStoreError) {
      world.tell(what)
      return try world.apply(request)
    } catch {
      world.tell("\(what): 412")
      throw error
    }
  }

  // MARK: Reading

  func get(_ key: ObjectKey, range: Range<Int>?) throws(ObjectStoreError) -> ObjectContent {
    try ask("GET \(world.short(key.name))")
    return try world.store.get(key, range: range)
  }

  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
    try ask("HEAD \(world.short(key.name))")
    return try world.store.head(key)
  }

  private func ask(_ what: @autoclosure () -> String) throws(ObjectStoreError) {
    guard let task = Baton.current else { return }
    try wait(task)
    if isFaulty, world.choices.chance(world.settings.faults / 2) {
      world.tell("\(name) \(what()): 503")
      throw refused
    }
  }

  func list(prefix: String, after: String?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    try ask("LIST \(world.short(prefix))")
    let limit = min(limit, world.settings.pageSize)
    if world.settings.broken == .mergedListedFirst, let task = Baton.current,
      let generation = ReplicaLayout.generation(of: prefix), prefix == ReplicaLayout.folder(generation),
      after == nil
    {
      return try listMergedFirst(generation, task)
    }
    let found = try world.store.list(prefix: prefix, after: after, limit: limit)
    guard let task = Baton.current else { return found }
    world.tell(
      "\(name) LIST \(world.short(prefix)): \(found.objects.count)\(found.isTruncated ? " and more" : "")")
    // A listing may be old when it is used.
    if prefix.hasPrefix(ReplicaLayout.generations) { try wait(task) }
    return found
  }

  private func listMergedFirst(
    _ generation: GenerationID, _ task: Baton.Task
  ) throws(ObjectStoreError) -> ObjectListing {
    let merged = try world.store.listAll(prefix: ReplicaLayout.merged(generation))
    world.tell("\(name) LIST merged: \(merged.count)")
    try wait(task)
    let rest = try world.store.listAll(prefix: ReplicaLayout.folder(generation))
    world.tell("\(name) LIST all else: \(rest.count)")
    try wait(task)
    return ObjectListing(
      objects: (merged + rest.filter { MergedName(key: $0.key.name) == nil }).sorted { $0.key < $1.key },
      isTruncated: false)
  }

  func time() throws(ObjectStoreError) -> Int64? { world.microseconds }
}
