import Bytes
import Compression
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

@testable import Restore

/// A restore of the newest state, in steps: the planner's listings, then object by object.
struct Reader {
  let world: World
  let name: String
  let store: any ObjectStore

  /// Pages in memory.
  private final class Pages: PageStore {
    let pageSize = SimulatedFile.pageSize
    var bytes: [UInt32: [UInt8]] = [:]

    func withImage<Result>(
      _ page: UInt32, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result
    ) throws -> Result {
      try body(bytes[page] ?? [UInt8](repeating: 0, count: pageSize), 0)
    }
    func set(_ page: UInt32, _ new: [UInt8], at index: Int) throws {
      bytes[page] = Array(new[index..<index + pageSize])
    }
    func flush(pages: UInt32) throws {}
  }

  /// Returns the result of a restore; nil if there is no replica, or if objects disappear faster
  /// than they are read.
  ///
  /// Like `Replanning`, it begins again if an object is gone, and once if something seems to be
  /// missing.
  func restore() throws -> SimulatedFile.Moment? {
    var gone: Set<String> = []
    var hasHole = false
    while true {
      do {
        let source = ObjectSource(ReplicaCatalog(store), patience: 0)
        let plan = try Planner(source: source, target: RestoreTarget(), gone: gone).plan()
        return try build(plan, source)
      } catch let error as FormatError where error.isMissing {
        guard gone.count < Replanning.most else { return nil }
        world.tell("\(name): \(world.short(error.object)) is gone, lists again")
        // The same object may be gone twice: once listed late.
        gone.insert(error.object)
      } catch let error as RestoreError where error.code == .hole && !hasHole {
        world.tell("\(name): something seems to be missing, lists again")
        hasHole = true
      } catch let error as RestoreError where error.code == .nothing {
        return nil
      }
    }
  }

  private func build(_ plan: RestorePlan, _ source: ObjectSource) throws -> SimulatedFile.Moment {
    let pages = Pages()
    for part in plan.manifest.parts {
      let name = ReplicaLayout.part(part.digest)
      let bytes = try source.read(name)
      let content = try Zstandard.decompress(bytes, 0..<bytes.count, limit: 1 << 20)
      for index in 0..<part.pageCount {
        let start = Int(index) * SimulatedFile.pageSize
        try pages.set(part.firstPage + index, content, at: start)
      }
    }
    let applier = SliceApplier(
      from: ChainPoint(
        generation: plan.generation, transaction: plan.manifest.transaction, id: plan.manifest.name.id,
        time: plan.manifest.time, state: plan.manifest.state),
      pages: pages)
    for object in plan.objects(upTo: plan.transaction) {
      let slice = try source.read(object.key) {
        try SliceReader($0, as: object, of: plan.generation)
      }
      try applier.begin(slice, object: object.key)
      _ = try applier.advance(slice, object: object.key, upTo: plan.transaction)
    }
    _ = try applier.finish()
    let values = (1...plan.state.pages).map { SimulatedFile.value(pages.bytes[$0] ?? [], at: 0) }
    return SimulatedFile.Moment(values, written: [], time: plan.time)
  }

  /// Restores while others write, and checks that everything is there that was stored when it began
  /// (invariant 5).
  func run(then use: (SimulatedFile.Moment) -> Void) {
    let before = world.proof.stored
    do {
      guard let moment = try restore() else { return }
      let state = moment.state.checksum
      for one in before
      where !world.lineage.leads(one.state, to: state) && !world.proof.isLeftBehind(one.state) {
        return world.fail(
          "invariant 5", "\(name) began after transaction \(one.transaction) of \(one.who) was stored")
      }
      world.tell("\(name) has restored")
      use(moment)
    } catch let error as ObjectStoreError {
      if Baton.current?.life.isDead != true { world.fail("restore", "\(name): \(error)") }
    } catch {
      world.fail("restore", "\(name): \(error)")
    }
  }
}
