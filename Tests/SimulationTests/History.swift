import Bytes
import ReplicaFormat

@testable import Replicator

/// One history: sessions, events of their files, and the end.
final class History: @unchecked Sendable {
  let world: World
  private var files: [SimulatedFile] = []
  private var writers: [Writer] = []
  private var names = 0
  private var inode: UInt64 = 10
  private var current: Baton.Task?

  init(_ choices: Choices, _ settings: World.Settings) { world = World(choices, settings) }

  /// Runs to the end, or to a fault.
  func run() -> World.Failure? {
    begin()
    var step = 0
    while step < world.settings.steps, world.failure == nil {
      step += 1
      world.pass(world.choices.chance(8) ? 90 : 0.01)
      if world.choices.chance(world.settings.events) { happen() }
      if !world.late.isEmpty, world.choices.chance(100) { world.land(world.choices.pick(world.late.count)) }
      let ready = world.baton.tasks.filter(\.isReady)
      guard !ready.isEmpty else {
        guard !happenAtRest() else { continue }
        break
      }
      world.baton.give(to: next(ready))
    }
    world.baton.end()
    end()
    return world.failure
  }

  /// Returns the next task: usually the same one.
  private func next(_ ready: [Baton.Task]) -> Baton.Task {
    let same = ready.first { $0 === current }
    if let same, !world.choices.chance(world.settings.switches) { return same }
    let task = ready[world.choices.pick(ready.count)]
    current = task
    return task
  }

  // MARK: The beginning

  private func begin() {
    world.vary()
    let values = (0..<2 + world.choices.pick(2)).map { _ in world.drawValue() }
    let moment = SimulatedFile.Moment(values, written: [], time: world.microseconds)
    world.lineage.add(moment.state.checksum, after: nil)
    let file = SimulatedFile("file0", inode: inode, moment)
    files.append(file)
    if !world.choices.chance(150) {
      // Most histories begin with a replica of an earlier session.
      let first = Writer(world, "W0", file, isFaulty: false)
      first.run(isOrdered: false, rounds: world.choices.pick(2))
    }
    let focus = world.settings.focus
    let forks = focus == .forks ? 400 : 30
    for _ in 0..<2 + world.choices.pick(2) { beginWriter(isOrdered: world.choices.chance(forks)) }
    if world.choices.chance(focus == .forks ? 800 : 300) { beginKeeper() }
    for _ in 0..<(focus == .readers ? 4 : 1) where world.choices.chance(focus == .readers ? 600 : 300) {
      beginReader()
    }
  }

  private func name(_ letter: String) -> String {
    names += 1
    return "\(letter)\(names)"
  }

  private func beginWriter(on file: SimulatedFile? = nil, isOrdered: Bool = false) {
    guard writers.count < 7 else { return }
    let file = file ?? pickFile()
    let writer = Writer(world, name("W"), file)
    writers.append(writer)
    world.tell("\(writer.name) begins with \(file.name)\(isOrdered ? ", ordered to fork" : "")")
    let rounds = 1 + world.choices.pick(4)
    // From now on only sessions change the file.
    file.users += 1
    world.baton.begin(writer.name, writer.life) {
      writer.run(isOrdered: isOrdered, rounds: rounds)
      file.users -= 1
    }
  }

  /// Returns a file, or a copy of one, current or old.
  private func pickFile() -> SimulatedFile {
    let file = files[world.choices.pick(files.count)]
    switch world.choices.weighted(world.settings.focus == .copies ? [450, 200] : [250, 100]) {
    case 1: return copy(file, at: file.moments.count - 1)
    case 2: return copy(file, at: world.choices.pick(file.moments.count))
    default: return file
    }
  }

  private func copy(_ file: SimulatedFile, at index: Int) -> SimulatedFile {
    inode += 1
    let copy = file.copy(
      "file\(inode - 10)", inode: inode, at: index, record: world.choices.chance(500) ? file.record : nil)
    files.append(copy)
    world.tell("\(copy.name) is a copy of \(file.name), \(file.moments.count - 1 - index) commits old")
    return copy
  }

  private func beginKeeper() {
    let isPruner = world.choices.chance(500)
    let life = Baton.Life()
    let keeper = Keeper(world, name(isPruner ? "P" : "C"), life)
    world.tell("\(keeper.name) begins to \(isPruner ? "prune" : "compact")")
    world.baton.begin(keeper.name, life) { if isPruner { keeper.prune() } else { keeper.compact() } }
  }

  private func beginReader() {
    let name = name("R")
    let reader = Reader(
      world: world, name: name, store: SimulatedStore(world: world, name: name, isFaulty: false))
    let life = Baton.Life()
    world.tell("\(name) begins to restore")
    world.baton.begin(name, life) { [self] in
      reader.run { moment in
        inode += 1
        let file = SimulatedFile("file\(inode - 10)", inode: inode, moment)
        files.append(file)
        world.tell("\(file.name) is what \(name) has restored")
      }
    }
  }

  // MARK: What happens

  private func happen() {
    switch world.settings.focus {
    case .readers where world.choices.chance(500): return beginReader()
    case .forks where world.choices.chance(500):
      return world.choices.chance(500) ? beginKeeper() : beginWriter(isOrdered: true)
    default: break
    }
    switch world.choices.pick(10) {
    case 0, 1: beginKeeper()
    case 2: beginReader()
    case 3: kill()
    case 4: world.pass(3600)
    case 5: beginWriter(isOrdered: true)
    case 6, 7: beginWriter()
    default: changeFile()
    }
  }

  /// Lets one more session begin, because all sessions have ended.
  ///
  /// Returns false if none does.
  private func happenAtRest() -> Bool {
    if !world.late.isEmpty, world.choices.chance(500) {
      world.land(world.choices.pick(world.late.count))
      return true
    }
    guard writers.count < 7, world.choices.chance(600) else { return false }
    happen()
    return true
  }

  private func kill() {
    let alive = world.baton.tasks.filter { !$0.isDone && !$0.life.isDead }
    guard !alive.isEmpty else { return }
    let task = alive[world.choices.pick(alive.count)]
    task.life.isDead = true
    world.tell("\(task.name) is killed")
  }

  private func changeFile() {
    let resting = files.filter { $0.users == 0 }
    guard !resting.isEmpty else { return }
    let file = resting[world.choices.pick(resting.count)]
    switch world.choices.pick(3) {
    case 0:
      file.changeOutside(world)
      world.tell("another program changes \(file.name)")
    case 1:
      file.losePower()
      world.tell("\(file.name) loses what was not synced")
    default:
      // An older copy under the same name, with the record beside it.
      inode += 1
      let index = world.choices.pick(file.moments.count)
      let older = file.copy(file.name, inode: inode, at: index, record: file.record)
      files.removeAll { $0 === file }
      files.append(older)
      world.tell("\(file.name) is replaced by a copy, \(file.moments.count - 1 - index) commits old")
    }
    if world.choices.chance(600) { beginWriter(on: files.last { $0.name == file.name }) }
  }

  // MARK: The end

  /// Lets all delayed requests land.
  ///
  /// Then a restore must give the expected state, and a session with this state must be able to
  /// continue.
  private func end() {
    while world.failure == nil, !world.late.isEmpty { world.land(world.choices.pick(world.late.count)) }
    guard world.failure == nil, !world.settings.ignoresConditions, let expected = world.proof.last else {
      return
    }
    let reader = Reader(world: world, name: "restore at the end", store: world.store)
    reader.run { moment in
      guard moment.state.checksum == expected.state else {
        return world.fail("restore", "a restore at the end yields another state than rule 12")
      }
      inode += 1
      let file = SimulatedFile("file at the end", inode: inode, moment)
      let writer = Writer(world, "session at the end", file, isFaulty: false)
      writer.run(isOrdered: false, rounds: 1)
      guard world.failure == nil, !world.proof.stored.contains(where: { $0.who == writer.name }) else {
        return
      }
      world.fail("invariant 4", "a session that holds the tip cannot go on: \(writer.refusal ?? "")")
    }
  }
}
