import Bytes
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat

/// Verifies one generation: every object by itself, then that together they are a database.
final class GenerationCheck {
  let source: ObjectSource
  let contents: GenerationContents
  /// Folder for the databases that are built.
  let work: PrivateFolder
  /// Folder in it for batches that are read again.
  private(set) var objects: PrivateFolder?
  let isNewest: Bool
  let live: Verification.Live?
  let freeBytes: @Sendable (_ folder: String) throws -> Int
  /// The highest transaction number of earlier generations; nil where they were not looked at.
  var precedingLast: UInt64?
  var findings: Verification.Findings
  /// Parts of bases that are known to be right, with the combined hashes of their pages.
  var parts: [BaseManifest.Part: Hash128] = [:]
  /// Of the bases, by their transactions.
  private(set) var manifests: [UInt64: BaseManifest] = [:]
  /// How often it may be listed again for objects that are gone.
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
    let record = ReplicaLayout.record(generation)
    try noting(record) {
      let found = try source.read(record) { try GenerationRecord($0, object: record) }
      guard found.generation == generation else {
        throw FormatError(record, "it is that of generation \(found.generation)")
      }
    }
    let complete = ReplicaLayout.complete(generation)
    if contents.isComplete {
      try noting(complete) {
        let found = try source.read(complete) { try CompletionRecord($0, object: complete) }
        guard found.generation == generation else {
          throw FormatError(complete, "it is that of generation \(found.generation)")
        }
      }
    } else if !contents.bases.isEmpty {
      findings.notices.append("\(complete) is missing: a lost base would not be told from an unfinished one")
    }
    for transaction in contents.bases {
      let name = ReplicaLayout.base(generation, transaction: transaction)
      manifests[transaction] = try noting(name) {
        try source.read(name) { try catalog.manifest(generation, transaction: transaction, bytes: $0) }
      }
    }
    source.expect(
      contents.sliceSizes.values.reduce(0, +) + contents.statementSizes.values.reduce(0, +)
        + manifests.values.reduce(0) { $0 + $1.parts.reduce(0) { $0 + $1.compressedSize } })
    checkBeginning()
    guard !contents.bases.isEmpty else { return try checkWithoutBase() }
    let ranges = contents.restorable
    try requireRoom(contents.statementSizes.values.reduce(1 << 20, +))
    objects = try work.folder("objects")
    let batches = try BatchScan.run(self, ranges)
    for (index, range) in ranges.enumerated() {
      let check = RangeCheck(
        range: range, manifests: manifests, batches: batches[index],
        live: live.flatMap { range.contains($0.transaction) && index == ranges.count - 1 ? $0 : nil })
      try check.run(self)
    }
    try work.remove("objects")
    try checkOtherSlices(ranges)
    try checkEnd(ranges)
  }

  /// Throws `.space` where the folder for the databases has no room for so many bytes more.
  func requireRoom(_ needed: Int) throws {
    let free = try freeBytes(work.path)
    guard free >= needed else {
      throw RestoreError(.space, "verify: \(needed) bytes are needed in \(work.path), \(free) are free")
    }
  }

  /// Looks at the names that spare restores listings: they prove nothing, and cost no data where they are wrong.
  func checkIndex() throws {
    let name = ReplicaLayout.index
    let bytes: [UInt8]
    do {
      bytes = try source.retry { _ in
        try catalog.store.whole(ObjectKey(name)).bytes
      }
    } catch let error as ObjectStoreError where !error.isTransient {
      if error.code != .notFound {
        note(name, "\(error.cause): nothing is lost, restores list what there is")
      }
      return
    }
    do throws(FormatError) {
      let index = try IndexRecord(bytes)
      guard index.generation == generation else { return }
      let gone =
        index.slices.filter { contents.sliceSizes[$0.name] == nil }.count
        + index.batches.filter { contents.statementSizes[$0.transactions] == nil }.count
        + index.bases.filter { !contents.bases.contains($0) }.count
      if gone > 0 {
        findings.notices.append("\(name) names \(gone) objects that are gone: restores list what there is")
      }
    } catch {
      note(name, "\(error.cause): nothing is lost, restores list what there is")
    }
  }

  /// Runs `body`, and notes what is wrong with an object instead of throwing it.
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

  /// Notes what is wrong with an object, unless it is gone and not needed any more.
  func note(_ error: FormatError) throws {
    if error.isMissing { try relist(without: error.object) }
    note(error.object, error.cause)
  }

  func note(_ object: String, _ cause: String) {
    let fault = Verification.Fault(object: object, cause: cause)
    if !findings.faults.contains(fault) { findings.faults.append(fault) }
  }

  /// A generation begins with the transaction after the last that the replica held.
  private func checkBeginning() {
    // Where older generations are still there, nothing of this one was removed for its age.
    guard let precedingLast, precedingLast > 0, let first = contents.bases.min(), first > precedingLast + 1
    else { return }
    note(
      "transactions \(precedingLast + 1) to \(first - 1)",
      "generation \(generation) begins after them, and no generation before it holds them")
  }

  private func checkWithoutBase() throws {
    let slices = contents.slices.sorted { $0.description < $1.description }
    var isAcknowledged = false
    for name in slices {
      let object = ReplicaLayout.slice(generation, name)
      let header = try noting(object) {
        try source.read(object) { bytes in
          let slice = try SliceReader(bytes, object: object)
          try slice.header.require(generation, name, object: object)
          return slice.header
        }
      }
      if let header, header.acknowledged > 0 { isAcknowledged = true }
    }
    let first = slices.first.map { $0.transactions.lowerBound - 1 } ?? 0
    if isAcknowledged {
      note(ReplicaLayout.base(generation, transaction: first), "it is missing")
    } else if contents.isComplete {
      note(ReplicaLayout.bases(generation), "the manifest of its base is missing")
    } else {
      findings.notices.append("generation \(generation) has no base: its upload was never finished")
    }
  }

  /// Slices that no restore reads: others took their place, or what came before them was removed or never finished.
  private func checkOtherSlices(_ ranges: [ClosedRange<UInt64>]) throws {
    if let first = ranges.first?.lowerBound,
      let lost = contents.slices.map(\.transactions.lowerBound).filter({ $0 <= first }).min()
    {
      note(
        ReplicaLayout.bases(generation),
        "transactions \(lost) to \(first - 1) cannot be restored: no base before them is there")
    }
    let generation = generation
    for (range, next) in zip(ranges, ranges.dropFirst()) {
      // What is removed for its age begins with the oldest.
      note(
        ReplicaLayout.slices(generation) + Hex16.text(range.upperBound + 1) + "-",
        "transactions \(range.upperBound + 1) to \(next.lowerBound - 1) cannot be restored: slices are missing"
      )
    }
    let used = Set(ranges.flatMap { contents.chain(after: $0.lowerBound).slices })
    let others = contents.slices.filter { !used.contains($0) }.map {
      FetchItem(name: ReplicaLayout.slice(generation, $0), size: contents.sliceSizes[$0] ?? 0)
    }
    let fetcher = ObjectFetcher(source, others) { object, bytes in
      let slice = try SliceReader(bytes, object: object)
      if let name = SliceName(key: object) { try slice.header.require(generation, name, object: object) }
    }
    while let (name, result) = try fetcher.next() {
      if isReplaced(result) { continue }
      try noting(name) { _ = try result.get() }
    }
  }

  /// Looks for signs that something lay after the end.
  private func checkEnd(_ ranges: [ClosedRange<UInt64>]) throws {
    for (index, range) in ranges.enumerated() {
      let end = range.upperBound
      // History that was removed ends at the next base.
      let next = index + 1 < ranges.count ? ranges[index + 1].lowerBound : .max
      let beyond = contents.slices.filter {
        $0.transactions.lowerBound > end + 1 && $0.transactions.lowerBound <= next
      }
      .sorted { $0.description < $1.description }
      for name in beyond {
        let header = try? source.retry { _ in try catalog.sliceHeader(generation, name) }
        guard let header, header.acknowledged > end else { continue }
        try relist(forSliceAfter: end)
        note(
          "\(ReplicaLayout.slices(generation))\(Hex16.text(end + 1))-",
          "the slice that begins with transaction \(end + 1) is missing; \(name) comes after it")
        break
      }
    }
    guard let end = ranges.last?.upperBound else { return }
    if let live, live.transaction > end {
      note(
        ReplicaLayout.slices(generation),
        "it ends with transaction \(end), but transaction \(live.transaction) was mirrored")
    }
    guard contents.chain(after: ranges.last?.lowerBound ?? 0).beyond.isEmpty else { return }
    let witnesses = Witnesses(source: source, contents: contents, end: end, isNewest: isNewest)
    if let cause = witnesses.statements {
      if isNewest { note(ReplicaLayout.slices(generation), cause) } else { findings.notices.append(cause) }
    } else if isNewest, let cause = try witnesses.objects().first {
      note(ReplicaLayout.slices(generation), cause)
    }
  }
}

/// Transaction numbers as names hold them.
enum Hex16 {
  static func text(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
