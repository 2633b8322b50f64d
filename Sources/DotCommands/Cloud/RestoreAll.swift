import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Restore
import Shell
import Synchronization

/// `.restore all`: restores every database whose replica is below a URL, several at a time.
struct RestoreAll {
  let session: Session
  let observer: MirrorSession
  let options: RestoreFromReplicaCommand.Options

  /// Restores at a time; each takes the memory of one restore.
  private static let parallel = 4

  /// The result of all restores, filled by their threads.
  private final class Results: Sendable {
    private let lines = Mutex<[(text: String, isFailure: Bool)]>([])
    let arrivals = Semaphore()

    func add(_ text: String, isFailure: Bool) {
      lines.withLock { $0.append((text, isFailure)) }
      arrivals.signal()
    }

    func next() -> (text: String, isFailure: Bool) {
      arrivals.wait()
      return lines.withLock { $0.removeFirst() }
    }
  }

  func run(into folder: String) throws {
    let root = try observer.newStore(options.from, for: nil)
    let found = try ReplicaFolder.replicas(in: root) { observer.isInterrupted?() == true }
    if found.contains("") {
      throw CommandError.message("Error: \(root.url) is the replica of one database: use .restore wal")
    }
    guard !found.isEmpty else { throw CommandError.message("Error: no replica is below \(root.url)") }
    let results = Results()
    let pool = TransferPool("restore.all", threads: Self.parallel)
    var failures = 0
    var isUnderWay = 0
    func report() {
      let line = results.next()
      isUnderWay -= 1
      if line.isFailure { failures += 1 }
      if line.isFailure {
        session.errors.print("Error: \(line.text)")
      } else {
        session.output.tell(line.text)
      }
      session.output.flush()
    }
    for replica in found {
      if observer.isInterrupted?() == true { break }
      while isUnderWay >= Self.parallel { report() }
      isUnderWay += 1
      do {
        let output = try folder + "/" + ReplicaFolder.path(of: replica)
        let store = try observer.newStore("\(root.url)/\(replica)", for: nil)
        let order = order
        pool.run { order.run(from: store, to: output, results) }
      } catch {
        results.add("restore \(replica): \(error)", isFailure: true)
      }
    }
    while isUnderWay > 0 { report() }
    let verb = options.dryRun ? "would restore" : "restored"
    session.output.tell("\(verb) \(found.count - failures) of \(found.count) databases to \(folder)")
    if observer.isInterrupted?() == true { throw CommandError.message("Error: restore all: interrupted") }
    guard failures == 0 else {
      throw CommandError.message("Error: \(failures) of \(found.count) databases were not restored")
    }
  }

  private var order: Order {
    Order(
      force: options.force, verifies: options.verify, allowsShorter: options.allowsShorter,
      isDryRun: options.dryRun, target: options.target, patience: observer.patience,
      isInterrupted: observer.isInterrupted)
  }

  /// How each database is restored.
  private struct Order: Sendable {
    let force: Bool
    let verifies: Bool
    let allowsShorter: Bool
    let isDryRun: Bool
    let target: RestoreTarget
    let patience: Double
    let isInterrupted: (@Sendable () -> Bool)?

    /// Restores one database, on a thread of the pool.
    func run(from store: any ObjectStore, to output: String, _ results: Results) {
      var restore = Restore(ReplicaCatalog(store))
      restore.force = force
      restore.verifies = verifies
      restore.allowsShorter = allowsShorter
      restore.target = target
      restore.patience = patience
      restore.isInterrupted = isInterrupted
      do {
        if !isDryRun { try Folder.create(Folder.parent(of: output)) }
        let report = isDryRun ? try restore.plan(.wal, to: output) : try restore.run(.wal, to: output)
        let notices = report.notices.map { " (\($0))" }.joined()
        let time = ISOTime.text(report.time)
        results.add(
          "\(output): transaction \(report.transaction), \(time), \(report.size) bytes\(notices)",
          isFailure: false)
      } catch {
        results.add("restore \(output): \(error)", isFailure: true)
      }
    }
  }
}

/// Finds replicas below a URL, and the files that they become.
enum ReplicaFolder {
  /// Returns the paths of all replicas in a store, in byte order; empty for one at its root.
  ///
  /// Reads the listing page by page, and keeps only the names of replicas. Throws if there are more
  /// than `most`, because a hostile store may list forever.
  static func replicas(in store: any ObjectStore, most: Int = 100_000, isInterrupted: () -> Bool) throws
    -> [String]
  {
    var found: Set<String> = []
    var after: String?
    while true {
      guard !isInterrupted() else { throw CommandError.message("Error: restore all: interrupted") }
      let page = try store.list(prefix: "", after: after, limit: 1000)
      for object in page.objects { if let replica = replica(of: object.key.name) { found.insert(replica) } }
      guard found.count <= most else {
        throw CommandError.message(
          "Error: \(store.url) has more than \(most) replicas: restore folder by folder")
      }
      guard page.isTruncated, let last = page.objects.last else { break }
      after = last.key.name
    }
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Returns the path of the replica whose mark has this key; nil for any other object.
  private static func replica(of key: String) -> String? {
    let parts = key.split(separator: "/")
    guard parts.count >= 2 else { return nil }
    let name = parts[parts.count - 2] + "/" + parts[parts.count - 1]
    guard ReplicaLayout.markedSequence(of: String(name)) != nil else { return nil }
    return parts.dropLast(2).joined(separator: "/")
  }

  /// Returns the path of the file for a replica, below a folder.
  ///
  /// A replica is outside data. Throws if the path would leave the folder, or name a file that
  /// belongs to another database.
  static func path(of replica: String) throws(CommandError) -> String {
    var names: [String] = []
    for part in replica.split(separator: "/", omittingEmptySubsequences: false) {
      let bytes = ObjectKey.unescaped(String(part))
      let name = String(decoding: bytes, as: UTF8.self)
      guard !name.isEmpty, name != ".", name != "..", !bytes.contains(UInt8(ascii: "/")), !bytes.contains(0)
      else { throw .message("its name is not that of a file") }
      names.append(name)
    }
    if names.contains(where: SideFiles.isSide) {
      throw .message("its name is that of a file beside another database")
    }
    return names.joined(separator: "/")
  }
}
