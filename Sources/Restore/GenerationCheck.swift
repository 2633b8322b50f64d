import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Verifies one generation: every object by itself, then the database that they make together.
final class GenerationCheck {
  let source: ObjectSource
  let contents: GenerationContents
  /// The folder for the databases that are built.
  let work: PrivateFolder
  /// The folder in it for batches that are read again.
  private(set) var objects: PrivateFolder?
  let isNewest: Bool
  let live: Verification.Live?
  let freeBytes: @Sendable (_ folder: String) throws -> Int
  var findings: Verification.Findings
  /// The witnesses, read before the listings; nil if they are not needed.
  var witnesses: Witnesses?
  /// The end of this generation by the next one; nil in the newest.
  var seal: Place?
  /// Parts of bases that were found right, with the combined hashes of their pages.
  var parts: [BaseManifest.Part: Hash128] = [:]
  /// What the right parts hold, for the check of maps.
  let partContents = PartContents()
  /// Manifests of the bases, by name.
  private(set) var manifests: [BaseName: BaseManifest] = [:]
  /// How many more listings are allowed for missing objects.
  var listsLeft = Replanning.most

  var catalog: ReplicaCatalog { source.catalog }
  var generation: GenerationID { contents.generation }

  init(
    source: ObjectSource, contents: GenerationContents, work: PrivateFolder, isNewest: Bool,
    live: Verification.Live?,
    freeBytes: @escaping @Sendable (_ folder: String) throws -> Int
  ) {
    self.source = source
    self.contents = contents
    self.work = work
    self.isNewest = isNewest
    self.live = live
    self.freeBytes = freeBytes
    findings = Verification.Findings(generation: contents.generation)
  }

  func run() throws {
    guard contents.objectCount > 0 else {
      findings.notices.append("generation \(generation) was removed meanwhile: it had become too old")
      return
    }
    // Retention removes the record with the last base.
    if contents.hasRecord || !contents.bases.isEmpty { try checkRecord() }
    for base in contents.bases {
      let name = base.key(in: generation)
      manifests[base] = try noting(name) {
        try source.read(name) { try catalog.manifest(generation, base, bytes: $0) }
      }
    }
    source.expect(
      contents.slots.values.reduce(0, +) + contents.merged.values.reduce(0, +)
        + contents.batches.values.reduce(0, +)
        + manifests.values.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.compressedSize } })
    guard !contents.bases.isEmpty else { return checkWithoutBase() }
    let runs = contents.restorable
    try requireRoom(contents.batches.values.reduce(1 << 20, +))
    objects = try work.folder("objects")
    let batches = try BatchScan.run(self, runs.map { $0.base.transaction...$0.chain.end })
    for (index, run) in runs.enumerated() {
      let range = run.base.transaction...run.chain.end
      let check = RangeCheck(
        base: run.base, chain: run.chain, manifests: manifests, batches: batches[index],
        live: live.flatMap { range.contains($0.transaction) && index == runs.count - 1 ? $0 : nil })
      try check.run(self)
    }
    try work.remove("objects")
    try checkOtherSlices(runs.map(\.chain))
    try checkEnd(runs.map(\.chain))
  }

  private func checkRecord() throws {
    let record = ReplicaLayout.record(generation)
    try noting(record) {
      let found = try source.read(record) { try GenerationRecord($0, object: record) }
      guard found.generation == generation else {
        throw FormatError(record, "it is that of generation \(found.generation)")
      }
    }
  }

  /// Throws `.space` if the folder for the databases has no room for this number of further bytes.
  func requireRoom(_ needed: Int) throws {
    let free = try freeBytes(work.path)
    guard free >= needed else {
      throw RestoreError(
        .space, "verify: \(needed) bytes are needed in \(work.path), \(free) are free: make room")
    }
  }

  /// Runs `body`, and notes the error of an object instead of throwing it.
  @discardableResult
  func noting<Value>(_ object: String, _ body: () throws -> Value) throws -> Value? {
    do {
      return try body()
    } catch let error as FormatError {
      try note(error)
    } catch let error as RestoreError where error.code != .interrupted && error.code != .space {
      note(object, error.message)
    }
    return nil
  }

  /// Notes the error of an object, unless it is gone and not needed any more.
  func note(_ error: FormatError) throws {
    if error.isMissing { try relist(without: error.object) }
    note(error.object, error.cause)
  }

  func note(_ object: String, _ cause: String) {
    let fault = Verification.Fault(object: object, cause: cause)
    if !findings.faults.contains(fault) { findings.faults.append(fault) }
  }

  /// Checks a generation without a base: retention keeps turns and seals of an old one, but the
  /// newest must have a base.
  private func checkWithoutBase() {
    guard isNewest else {
      let rest = contents.slots.keys.contains {
        if case .slice = contents.entries[$0] { true } else { false }
      }
      findings.notices.append(
        "generation \(generation) has no base: "
          + (rest || !contents.merged.isEmpty ? "its removal was not finished" : "it had become too old"))
      return
    }
    note(ReplicaLayout.bases(generation), "the manifest of its base is missing")
  }

  /// Slices that no restore reads: a merged object replaced them, or they are not on the chain.
  private func checkOtherSlices(_ chains: [Chain]) throws {
    for (chain, next) in zip(chains, chains.dropFirst()) {
      // Retention removes the oldest objects first.
      let first = next.objects.first?.transactions.lowerBound ?? next.tip.transaction
      note(
        chain.tip.key, "transactions \(chain.end + 1) to \(first - 1) cannot be restored: slices are missing")
    }
    let used = Set(chains.flatMap { $0.objects.map(\.key) })
    var others: [FetchItem] = []
    for (place, size) in contents.slots where !used.contains(place.key) {
      switch contents.entries[place] {
      case .slice: others.append(FetchItem(name: place.key, size: size))
      case .damaged(let error): try note(error)
      case .turn, nil: break
      }
    }
    for (name, size) in contents.merged where !used.contains(name.key(in: generation)) {
      others.append(FetchItem(name: name.key(in: generation), size: size))
    }
    let fetcher = ObjectFetcher(source, others.sorted { $0.name < $1.name }) { object, bytes in
      _ = try SliceReader(bytes, object: object)
    }
    while let (name, result) = try fetcher.next() {
      if isReplaced(result) { continue }
      try noting(name) { _ = try result.get() }
    }
  }

  /// Looks for proofs that something after the end is lost.
  private func checkEnd(_ chains: [Chain]) throws {
    guard let chain = chains.last, chain.seal == nil else { return }
    if let damage = chain.damage {
      try note(damage)
    } else if let proof = contents.proofOfLoss(after: chain) {
      try relist(forEntryAt: chain.tip)
      note(chain.tip.key, "it is missing; \(proof)")
    } else if let seal, seal.transaction - 1 > chain.end {
      try relist(forEntryAt: chain.tip)
      note(
        chain.tip.key,
        "it is missing; transaction \(seal.transaction - 1) was stored before generation \(generation.sequence + 1) began"
      )
    }
    if let live, live.transaction > chain.end {
      note(
        ReplicaLayout.slots(generation),
        "it ends with transaction \(chain.end), but transaction \(live.transaction) was stored")
    }
    guard isNewest, let witnesses else { return }
    for cause in witnesses.testimonies(against: chain, contents) {
      note(ReplicaLayout.slots(generation), cause)
    }
  }
}

/// Transaction numbers as in names.
enum Hex16 {
  static func text(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
