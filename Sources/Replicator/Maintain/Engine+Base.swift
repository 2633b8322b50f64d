import Bytes
import Compression
import Digest
import Dispatch
import Files
import ObjectStore
import ReplicaCatalog
import ReplicaFormat
import Synchronization

extension Engine {
  /// Opens a generation (rule 9): its base, then the seal in the generation before, read back, then the mark.
  func openGeneration(
    _ opening: Opening, _ record: GenerationRecord, _ slots: SlotLog, _ snapshot: Snapshot, time: Int64,
    state database: DatabaseState
  ) {
    do {
      let object = PendingUpload.Object(
        name: ReplicaLayout.record(opening.generation), bytes: record.bytes)
      guard try upload(object) else { return }
      let isStored = try storeBase(
        snapshot, opening.generation, opening.base, time: time, state: database, isFirst: true)
      guard isStored, try untilStored({ try slots.probe(object.name, object.bytes) }) else { return }
      if let seal = opening.seal {
        guard try untilStored({ try slots.create(seal.place, id: seal.id, seal.bytes) }),
          try untilStored({ try slots.confirm((seal.place, seal.id)) })
        else { return }
      }
      let mark = MarkRecord(
        generation: opening.generation, base: opening.base, seal: opening.seal?.place)
      var isMarked = false
      guard try untilStored({ isMarked = try create(mark) }) else { return }
      guard isMarked || opening.seal != nil else {
        throw MirrorError(.fenced, "another session has begun a replica in \(store.url)")
      }
      slots.noteConfirmed()
      if slots.keepsConditions == false { try noteUnfenced() }
      open(opening)
    } catch let error as MirrorError where error.code == .fenced {
      guard state.withLock({ $0.generation == opening.generation }) else { return }
      state.withLock { $0.fence = error }
      captureSignal.raise()
    } catch let error as MirrorError {
      // The base of a generation that was given up meanwhile is of no use to anybody.
      guard state.withLock({ $0.generation == opening.generation }) else { return }
      fail(error)
    } catch {
      // The mirror was stopped, or the log went away under the snapshot: there will be another base.
      state.withLock { $0.lastError = MirrorError(.database, "base of \(path): \(error)") }
    }
  }

  /// Everything that was stored of the generation counts from now on.
  private func open(_ opening: Opening) {
    let isPresent = state.withLock {
      guard $0.generation == opening.generation else { return false }
      $0.openGeneration = opening.generation
      $0.hasStored = true
      $0.baseTransaction = opening.base.transaction
      return true
    }
    guard isPresent else { return }
    releaseBatches()
    state.withLock {
      guard $0.generation == opening.generation else { return }
      $0.hasBase = true
      if $0.uploadedTime == 0 { $0.uploadedTime = began }
      $0.wakeWaiters()
    }
    noteBase(opening.base, of: opening.generation)
    saveRecord()
    renewLease()
    uploadSignal.raise()
  }

  /// Uploads every page of a snapshot, then the manifest that makes it count, however long the store takes.
  @discardableResult
  func uploadBase(_ present: Present) -> Bool {
    do {
      return try storeBase(
        present.snapshot, present.generation, present.base, time: present.time, state: present.state,
        isFirst: false)
    } catch let error as MirrorError {
      guard state.withLock({ $0.generation == present.generation }) else { return false }
      fail(error)
    } catch {
      state.withLock { $0.lastError = MirrorError(.database, "base of \(path): \(error)") }
    }
    return false
  }

  private func storeBase(
    _ snapshot: Snapshot, _ generation: GenerationID, _ base: BaseName, time: Int64,
    state database: DatabaseState, isFirst: Bool
  ) throws -> Bool {
    var isPinned = true
    func letGo() {
      guard isPinned else { return }
      isPinned = false
      capture.withLock { site in
        if let capture = site.capture, capture.encoder.generation == generation { capture.pins -= 1 }
      }
    }
    defer { letGo() }
    return try parts.withLock { _ in
      state.withLock { ($0.baseBytes, $0.baseBytesSent) = (Int(database.pages) * database.pageSize, 0) }
      defer { state.withLock { ($0.baseBytes, $0.baseBytesSent) = (0, 0) } }
      let parts = try uploadParts(of: snapshot, proving: database, whenRead: letGo)
      // A base inside a generation is of a transaction that is stored (rule 10).
      guard let parts, try isFirst || awaitStored(base.transaction, of: generation) else { return false }
      let manifest = BaseManifest(
        generation: generation, name: base, time: time, state: database, parts: parts, naming: naming)
      guard try upload(PendingUpload.Object(name: manifest.key, bytes: manifest.bytes)) else { return false }
      guard !isFirst else { return true }
      let isPresent = state.withLock {
        guard $0.generation == generation else { return false }
        $0.baseTransaction = max($0.baseTransaction, base.transaction)
        $0.wakeWaiters()
        return true
      }
      guard isPresent else { return false }
      noteBase(base, of: generation)
      saveRecord()
      return true
    }
  }

  /// Waits until a transaction is stored; false if that will not be.
  private func awaitStored(_ transaction: UInt64, of generation: GenerationID) throws -> Bool {
    while true {
      let isStored: Bool? = state.withLock {
        guard !$0.isStopped, $0.generation == generation, $0.fence == nil else { return nil }
        return $0.mirrored >= transaction
      }
      guard let isStored else { return false }
      if isStored { return true }
      uploadSignal.raise()
      Clock.sleep(seconds: 0.01)
    }
  }

  /// Reads runs of pages one after the other, compresses two and uploads up to four at once; nil where the mirror was stopped.
  ///
  /// Calls `whenRead` once all is read: until then the log grows, after it the store may take its time. Throws where the pages
  /// read are not those of the database that the base is to hold.
  private func uploadParts(
    of snapshot: Snapshot, proving database: DatabaseState, whenRead: () -> Void
  ) throws -> [BaseManifest.Part]? {
    var checksum = Hash128.zero
    // Listed when the first part has been read: until all of them are, the log grows.
    let known = Mutex<[String: Int]?>(nil)
    let naming = naming
    // What waits for the store is compressed already: so little memory is needed.
    let compressions = TransferPool("mirror.base.compress", threads: 2, isBackground: true)
    let uploads = TransferPool("mirror.base", threads: 4, isBackground: true)
    let group = DispatchGroup()
    let parts = Mutex<[BaseManifest.Part]>([])
    let failure = Mutex<(any Error)?>(nil)
    @Sendable func attempt(_ work: () throws -> Void) {
      do { try work() } catch { failure.withLock { $0 = error } }
    }
    // Reading one takes a tenth of the time of compressing it. Together they are five parts, 80 MiB, of data that does not compress.
    let buffers = BufferPool(count: 2)
    let frames = BufferPool(count: 3)
    for run in snapshot.runs(pages: max(settings.partBytes / snapshot.pageSize, 1)) {
      guard !isStopped, failure.withLock({ $0 == nil }) else { break }
      let buffer = buffers.take()
      try buffer.bytes.withLock { bytes in
        try snapshot.read(run.first, count: run.count, into: &bytes)
        for number in 0..<run.count {
          checksum ^= PageHash.of(
            run.first + UInt32(number), bytes, at: number * snapshot.pageSize, pageSize: snapshot.pageSize)
        }
      }
      compressions.run(in: group) {
        attempt {
          let digest = buffer.bytes.withLock { naming.digest(sha256: sha256($0)) }
          @Sendable func note(_ size: Int) {
            let part = BaseManifest.Part(
              firstPage: run.first, pageCount: UInt32(run.count), digest: digest, compressedSize: size)
            parts.withLock { $0.append(part) }
            self.state.withLock { $0.baseBytesSent += run.count * snapshot.pageSize }
          }
          let knownSize = known.withLock { known in
            let parts = known ?? self.knownParts()
            known = parts
            return parts[digest]
          }
          if let size = knownSize {
            buffers.giveBack(buffer)
            return note(size)
          }
          let frame = frames.take()
          buffer.bytes.withLock { bytes in
            frame.bytes.withLock {
              Zstandard.compress(bytes, level: 1, frameSize: Self.frameBytes, into: &$0)
            }
          }
          buffers.giveBack(buffer)
          uploads.run(in: group) {
            defer { frames.giveBack(frame) }
            attempt {
              let bytes = frame.bytes.withLock { $0 }
              let object = PendingUpload.Object(name: ReplicaLayout.part(digest), bytes: bytes)
              if try self.upload(object, .always) { note(object.bytes.count) }
            }
          }
        }
      }
    }
    whenRead()
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
    guard !isStopped else { return nil }
    guard checksum == database.checksum else {
      throw MirrorError(.hole, "the database changed under its base; mirror it anew")
    }
    return parts.withLock { $0.sorted { $0.firstPage < $1.firstPage } }
  }

  /// Bytes of pages in one zstd frame of a part, so that a page can be read without the rest of the part.
  private static let frameBytes = 128 << 10

  /// Parts in the replica with their sizes: they need not be sent again, not even those of a base that was cut off.
  private func knownParts() -> [String: Int] {
    guard let parts = try? store.listAll(prefix: ReplicaLayout.pages) else { return [:] }
    let encryption = store.encryption
    return Dictionary(
      parts.compactMap { object in
        // Those of another key have names that will not be asked for.
        let size = encryption.map { $0.contentSize(object.size) } ?? object.size
        // A store may have kept an empty object of an upload that was cut off.
        guard let size, size > 0 else { return nil }
        return (String(object.key.name.dropFirst(ReplicaLayout.pages.utf8.count).dropLast(4)), size)
      }
    ) { first, _ in first }
  }

  /// How parts are named: where they are encrypted, so that only who has the key can tell what is in one.
  private var naming: PartNaming { PartNaming(secret: store.encryption?.naming) }

  /// Writes a new base of what is captured now, and waits until it counts.
  func makeBase(deadline: Double, isInterrupted: (() -> Bool)? = nil) throws {
    let began = try snapshotOfPresent(until: Clock.monotonicSeconds + deadline)
    guard let present = began else {
      throw MirrorError(.notMirrored, "the mirror has not started yet")
    }
    if state.withLock({
      $0.hasBase && $0.generation == present.generation && $0.baseTransaction == present.transaction
    }) {
      capture.withLock { $0.capture?.pins -= 1 }
      return
    }
    uploadSignal.raise()
    let done = DispatchSemaphore(value: 0)
    baseQueue.async(group: running) {
      if self.uploadBase(present) {
        self.maintenance.withLock { $0.bytesSinceBase = 0 }
      }
      done.signal()
    }
    let end = Clock.monotonicSeconds + deadline
    while done.wait(timeout: .now() + 0.1) != .success {
      if isInterrupted?() == true {
        throw MirrorError(.timeout, "interrupted; the base goes on in the background")
      }
      guard Clock.monotonicSeconds < end else {
        throw MirrorError(.timeout, "the base is not in \(store.url) yet\(lastErrorText)")
      }
    }
    if let error = state.withLock({ $0.phase == .failed ? $0.lastError : nil }) { throw error }
  }

  /// What a base is made of: pages, and the transaction they are the state after.
  struct Present {
    let snapshot: Snapshot
    let generation: GenerationID
    let base: BaseName
    /// Microseconds since 1970; not before that transaction's, nor after the next one's.
    let time: Int64
    let state: DatabaseState

    var transaction: UInt64 { base.transaction }
  }

  /// Everything captured, to read until `pins` goes down again; waits while a commit is half encoded.
  func snapshotOfPresent(until end: Double) throws -> Present? {
    while true {
      let found: Present?? = try capture.withLock { site in
        guard let capture = site.capture else { return .some(nil) }
        _ = try capture.advance(bytes: 64 << 20)
        note(capture)
        guard !capture.encoder.isInsideCommit else { return nil }
        // Slices never reach across a base.
        capture.encoder.closeSlice()
        capture.pins += 1
        let encoder = capture.encoder
        maintenance.withLock { $0.slices.keepApart(after: encoder.transaction) }
        return Present(
          snapshot: capture.snapshot(), generation: encoder.generation,
          base: BaseName(encoder.transaction, id: encoder.place.previous),
          time: encoder.timeOfPresent(), state: encoder.state)
      }
      if let found { return found }
      guard !isStopped, Clock.monotonicSeconds < end else {
        throw MirrorError(.timeout, "a commit is still on its way to \(store.url)\(lastErrorText)")
      }
      uploadSignal.raise()
      Clock.sleep(seconds: 0.01)
    }
  }

  var lastErrorText: String { state.withLock { $0.lastError.map { ": \($0.message)" } ?? "" } }
}
