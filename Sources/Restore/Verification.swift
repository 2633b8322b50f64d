import Files
import ObjectStore
package import ReplicaCatalog
package import ReplicaFormat

/// Verifies a replica: reads it back and checks that everything in it can be restored.
///
/// Each object is fetched once. Memory holds some megabytes of them. The databases for the
/// comparison are in a folder that is removed at the end.
package struct Verification {
  package let catalog: ReplicaCatalog
  /// Whether all generations are verified, not only the newest.
  package var isForAll = false
  /// The folder in which the databases are built; nil for `$TMPDIR`.
  package var folder: String?
  package var patience = 60.0
  package var isInterrupted: (@Sendable () -> Bool)?
  /// Gets a function that returns, on any thread, how many bytes of how many have been read.
  package var watch: ((_ measure: @escaping @Sendable () -> (done: Int, total: Int?)) -> Void)?
  package var freeBytes: @Sendable (_ folder: String) throws -> Int = { try FreeSpace.bytes(in: $0) }

  package init(_ catalog: ReplicaCatalog) { self.catalog = catalog }

  /// The content of the live database after a transaction.
  package struct Live: Sendable {
    package let transaction: UInt64
    package let content: DatabaseContent
    /// Whether the statements up to that transaction are known to be stored.
    package let hasStatements: Bool
    package init(transaction: UInt64, content: DatabaseContent, hasStatements: Bool = true) {
      self.transaction = transaction
      self.content = content
      self.hasStatements = hasStatements
    }
  }

  /// The fault of an object, or of its absence.
  package struct Fault: Hashable, Sendable {
    package let object: String
    package let cause: String
  }

  /// The findings about one generation.
  package struct Findings: Sendable {
    package let generation: GenerationID
    package internal(set) var objects = 0
    package internal(set) var bytes = 0
    package internal(set) var faults: [Fault] = []
    /// The proven facts, each as a sentence.
    package internal(set) var proven: [String] = []
    package internal(set) var notices: [String] = []
  }

  /// Verifies the newest generation, or all, and reports each when it is done.
  ///
  /// `live` is compared with the state of the newest generation after its transaction. Throws only
  /// if the replica could not be read; its faults are in the findings.
  package func run(comparing live: Live?, report: (Findings) -> Void) throws {
    let source = ObjectSource(catalog, patience: patience, isInterrupted: isInterrupted)
    let witnesses = try Witnesses(source, record: nil)
    var history = try source.retry { _ in try ReplicaHistory(catalog) }
    let generations: [ReplicaHistory.Generation]
    do {
      generations = try source.retry { _ in try history.all() }
    } catch let error as FormatError where error.isMissing && BaseName(key: error.object) != nil {
      // The newest generation's own check finds faults of its base.
      generations = try source.retry { _ in try history.marks() }
    } catch let error as FormatError {
      guard let number = ReplicaLayout.markedSequence(of: error.object) else { throw error }
      // Without it nothing shows which generation is on the chain.
      var findings = Findings(generation: GenerationID(sequence: number, random: 0))
      findings.faults.append(Fault(object: error.object, cause: error.cause))
      return report(findings)
    }
    guard let newest = generations.last else {
      throw RestoreError(.nothing, "\(catalog.store.url) holds no replica: check URL and prefix")
    }
    let work = try folder.map { try WorkFolder(beside: $0, for: "verifying") } ?? WorkFolder()
    defer {
      source.stop()
      work.remove()
    }
    watch? { source.progress }
    let links = try ChainCheck(source: source, generations: generations)
    for generation in generations where isForAll || generation.id == newest.id {
      let contents = try source.retry { _ in try catalog.contents(of: generation.id, .everything) }
      let before = source.read
      var check = GenerationCheck(
        source: source, contents: contents, work: work.folder, isNewest: generation.id == newest.id,
        live: generation.id == newest.id ? live : nil, freeBytes: freeBytes)
      check.witnesses = generation.id == newest.id ? witnesses : nil
      check.seal = generations.first { $0.id.sequence == generation.id.sequence + 1 }?.seal
      var beginnings = 1
      while true {
        do {
          try check.run()
          break
        } catch let anew as GenerationCheck.ListedAnew {
          guard beginnings <= Replanning.most else {
            throw RestoreError(
              .busy,
              "verify \(catalog.store.url): objects are replaced faster than they can be read; try again later"
            )
          }
          beginnings += 1
          check = try check.again(with: anew.contents)
        }
      }
      links.report(on: generation, contents: check.contents, to: check, isForAll: isForAll)
      check.findings.objects = source.read.objects - before.objects
      check.findings.bytes = source.read.bytes - before.bytes
      report(check.findings)
    }
  }
}
