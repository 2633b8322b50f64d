import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Checks that each generation of a replica is the one that the seal before it names.
struct ChainCheck {
  /// The fault of the link to a generation, by its number.
  private var faults: [UInt32: [Verification.Fault]] = [:]
  private var seals: [UInt32: TurnRecord] = [:]
  /// Seals whose keys are missing.
  private var unread: [String] = []
  private let numbers: ClosedRange<UInt32>
  /// The number of generations that are verified with `--all`.
  private let present: Set<UInt32>

  /// Reads the mark and the seal of each generation, the oldest first.
  init(source: ObjectSource, generations: [ReplicaHistory.Generation]) throws {
    numbers = 1...(generations.last?.id.sequence ?? 1)
    present = Set(generations.map(\.id.sequence))
    for number in numbers where !present.contains(number) {
      note(number, ReplicaLayout.mark(number), "it is missing")
    }
    for generation in generations {
      guard let place = generation.seal else { continue }
      let number = generation.id.sequence
      do {
        let seal = try source.read(place.key) { try TurnRecord($0, at: place) }
        seals[number] = seal
        guard let successor = seal.successor, successor.generation == generation.id,
          successor.base(seal: seal.id) == generation.base
        else {
          note(number, place.key, "it names another generation than \(ReplicaLayout.mark(number))")
          continue
        }
      } catch let error as FormatError {
        note(number, error.object, error.cause)
      } catch let error as ObjectStoreError where error.code == .sealed {
        unread.append(error.description)
      }
    }
  }

  private mutating func note(_ number: UInt32, _ object: String, _ cause: String) {
    faults[number, default: []].append(Verification.Fault(object: object, cause: cause))
  }

  /// Adds the faults to the findings of a generation.
  ///
  /// The newest generation gets those of generations that are not verified, or cannot be because
  /// their mark is gone.
  func report(
    on generation: ReplicaHistory.Generation, contents: GenerationContents, to check: GenerationCheck,
    isForAll: Bool
  ) {
    let number = generation.id.sequence
    let isNewest = number == numbers.upperBound
    let mine = numbers.filter { $0 == number || isNewest && (!isForAll || !present.contains($0)) }
    for number in mine { for fault in faults[number] ?? [] { check.note(fault.object, fault.cause) } }
    if let base = contents.bases.first, base.transaction < generation.base.transaction {
      check.note(base.key(in: generation.id), "it is before the generation's first base")
    }
    guard faults.isEmpty, isNewest else { return }
    guard unread.isEmpty else {
      check.findings.notices += unread.map { "a seal was not proven: \($0)" }
      return
    }
    check.findings.proven.append(
      "generations 1 to \(number) have marks, and each is named by the seal at the end of the one before")
    for (number, seal) in seals.sorted(by: { $0.key < $1.key }) where seal.successor?.isFork == true {
      check.findings.notices.append(
        "generation \(number) is a fork, ordered by \(seal.session.text): transactions up to "
          + "\(seal.successor?.transaction ?? 0) of generation \(seal.place.generation) are left behind")
    }
  }
}
