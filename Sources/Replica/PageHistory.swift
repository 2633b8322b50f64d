internal import Bytes
package import ReplicaCatalog
package import ReplicaFormat
internal import WALFormat

/// Provides the pages of a database at every transaction from one base on.
///
/// It reads the tables of contents of the slices once, and indexes which frames hold images of each
/// page. It makes an image on demand: it starts with the newest whole image at or before the
/// moment, from a slice or from the base, and applies the later differences.
///
/// Belongs to one thread at a time.
package final class PageHistory {
  package let manifest: BaseManifest
  private let access: ReplicaAccess
  private let cache: ReplicaCache
  private let base: BaseFrames
  /// Lists the chain after the base again, because an object no longer exists.
  private let relist: (FormatError) throws -> [ChainObject]

  private var objects: [ChainObject]
  /// The number of objects in the index.
  private var loaded = 0
  private var index = FrameIndex()
  /// The base's transaction, and all later transactions in the index.
  private var moments: [Moment]
  /// The transactions that changed more of page 1 than its counters, among the first `end` of
  /// `moments`.
  private var schemaChanges: (end: Int, found: [UInt64])?
  /// The position in the log at which the last object of the index ends.
  private var position: WALPosition?
  /// Decoded objects, by their index in `objects`.
  private var slices: RecentlyUsed<Int, SliceFrames>
  private var images: RecentlyUsed<Image, [UInt8]>
  /// The base's pages that its map contains.
  private let copies: [UInt32: [UInt8]]

  /// A transaction, its time, and the state of the database after it.
  package struct Moment: Hashable, Sendable {
    package let transaction: UInt64
    /// Microseconds since 1970.
    package let time: Int64
    package let state: DatabaseState
  }

  private struct Image: Hashable {
    let page: UInt32
    /// The last transaction that changed the page.
    let transaction: UInt64
  }

  /// Creates a history from a base and the objects of the chain after it.
  package init(
    _ access: ReplicaAccess, _ cache: ReplicaCache, base manifest: BaseManifest, objects: [ChainObject],
    relist: @escaping (FormatError) throws -> [ChainObject]
  ) {
    self.access = access
    self.cache = cache
    self.manifest = manifest
    self.objects = objects
    self.relist = relist
    let map = cache.map(of: manifest, access)
    base = BaseFrames(access, cache.disk, manifest, map: map, memory: cache.frameMemory)
    copies = Dictionary((map?.pages ?? []).map { ($0.number, $0.bytes) }) { first, _ in first }
    moments = [Moment(transaction: manifest.transaction, time: manifest.time, state: manifest.state)]
    slices = RecentlyUsed(limit: cache.sliceMemory)
    images = RecentlyUsed(limit: cache.imageMemory)
  }

  package var pageSize: Int { manifest.state.pageSize }

  /// The last transaction of the listed objects.
  package var end: UInt64 { objects.last { $0.isLast }?.transactions.upperBound ?? manifest.transaction }

  // MARK: Moments

  /// Returns the moment of a transaction; throws if the history does not contain it.
  package func moment(of transaction: UInt64) throws -> Moment {
    try load(upTo: transaction)
    guard transaction >= manifest.transaction, transaction - manifest.transaction < UInt64(moments.count)
    else {
      throw FormatError(manifest.key, "transaction \(transaction) does not follow it")
    }
    return moments[Int(transaction - manifest.transaction)]
  }

  /// Returns the last transaction up to `last` that changed a page; nil if the base's image is
  /// valid.
  package func lastChange(of page: UInt32, upTo last: UInt64) throws -> UInt64? {
    try load(upTo: last)
    return index.last(page, upTo: last).map { index.entries[$0].transaction }
  }

  /// Returns the pages that transactions after `first` up to `last` changed, in order.
  package func changed(after first: UInt64, through last: UInt64) throws -> [UInt32] {
    try load(upTo: last)
    return index.pages(changedAfter: first, through: last)
  }

  /// Returns the next transaction that may change the answer to a query that read these pages.
  ///
  /// Page 1 counts only if its schema part changed, because nearly every transaction changes its
  /// counters.
  package func nextChange(
    of pages: Set<UInt32>, after transaction: UInt64, through last: UInt64
  ) throws -> UInt64? {
    try load(upTo: last)
    var next: UInt64?
    for page in pages where page > 1 {
      if let found = index.next(page, after: transaction) { next = min(next ?? found, found) }
    }
    if pages.contains(1), let found = try changesOfSchema().first(where: { $0 > transaction }) {
      next = min(next ?? found, found)
    }
    return next.flatMap { $0 <= last ? $0 : nil }
  }

  /// Returns the transactions of the index that changed more of page 1 than its counters.
  private func changesOfSchema() throws -> [UInt64] {
    if let known = schemaChanges, known.end == moments.count { return known.found }
    var found: [UInt64] = []
    var before: [UInt8]?
    if manifest.state.pages > 0 {
      let base = try baseImage(1)
      before = Array(base.bytes[base.index..<base.index + pageSize])
    }
    var bytes = before
    let all = index.all(1)
    for number in all {
      let entry = index.entries[number]
      bytes = try slice(Int(entry.object)).page(Int(entry.frame), base: bytes)
      // Several frames of one transaction count as one change.
      if number + 1 < all.upperBound, index.entries[number + 1].transaction == entry.transaction { continue }
      if !Self.isSameSchema(before, bytes) { found.append(entry.transaction) }
      before = bytes
    }
    schemaChanges = (moments.count, found)
    return found
  }

  /// Returns whether two images of page 1 differ in nothing except their counters.
  ///
  /// > Schema cookie, at 40; schema format, default cache size, largest root, text encoding, user
  /// version, incremental vacuum and application id, up to 72
  /// (https://www.sqlite.org/fileformat2.html#the_database_header).
  private static func isSameSchema(_ one: [UInt8]?, _ other: [UInt8]?) -> Bool {
    guard let one, let other, one.count == other.count else { return one == nil && other == nil }
    return one[..<24] == other[..<24] && one[40..<92] == other[40..<92] && one[100...] == other[100...]
  }

  // MARK: Pages

  /// Calls `body` with the image of a page after a transaction, and the index at which it begins.
  package func withPage<Result>(
    _ page: UInt32, at moment: UInt64, _ body: (_ bytes: [UInt8], _ index: Int) throws -> Result
  ) throws -> Result {
    try load(upTo: moment)
    do {
      let image = try image(page, moment)
      return try body(image.bytes, image.index)
    } catch let error as FormatError where error.isMissing {
      try renew(without: error)
      try load(upTo: moment)
      let image = try image(page, moment)
      return try body(image.bytes, image.index)
    }
  }

  private func image(_ page: UInt32, _ moment: UInt64) throws -> (bytes: [UInt8], index: Int) {
    guard let newest = index.last(page, upTo: moment) else { return try baseImage(page) }
    let key = Image(page: page, transaction: index.entries[newest].transaction)
    if let known = images.value(key) { return (known, 0) }
    var first = newest
    while !index.entries[first].isWhole, first > index.entries.startIndex,
      index.entries[first - 1].page == page
    {
      first -= 1
    }
    var bytes: [UInt8]?
    if !index.entries[first].isWhole {
      let below = try baseImage(page)
      bytes = Array(below.bytes[below.index..<below.index + pageSize])
    }
    for entry in index.entries[first...newest] {
      try access.checkInterrupt()
      bytes = try slice(Int(entry.object)).page(Int(entry.frame), base: bytes)
    }
    let image = bytes ?? []
    guard image.count == pageSize else {
      throw FormatError(objects[Int(index.entries[newest].object)].key, "it has pages of another size")
    }
    images.insert(image, key, cost: pageSize + 96)
    return (image, 0)
  }

  /// Returns a page that no slice changed; zeros past the base's end, as in a restore.
  private func baseImage(_ page: UInt32) throws -> (bytes: [UInt8], index: Int) {
    guard page <= manifest.state.pages else { return ([UInt8](repeating: 0, count: pageSize), 0) }
    if let copy = copies[page] { return (copy, 0) }
    let (place, offset) = base.place(of: page)
    return (try base.frame(place), offset)
  }

  /// Returns the part that holds a page of the base, and the page's offset in it.
  func origin(of page: UInt32) -> PageReader.Origin {
    let (place, offset) = base.place(of: page)
    return PageReader.Origin(
      part: manifest.parts[place.part].digest, offset: place.frame * BaseMap.frameBytes + offset)
  }

  /// Returns whether a page is available without a request.
  package func isAtHand(_ page: UInt32, at moment: UInt64) -> Bool {
    guard index.last(page, upTo: moment) == nil, page <= manifest.state.pages, copies[page] == nil else {
      return true
    }
    return base.isAtHand(base.place(of: page).place)
  }

  /// Starts fetching pages that will be needed soon.
  package func prefetch(_ pages: some Sequence<UInt32>, at moment: UInt64) {
    var places: [BaseFrames.Place] = []
    for page in pages where !isAtHand(page, at: moment) {
      let place = base.place(of: page).place
      if places.last != place { places.append(place) }
    }
    if !places.isEmpty { base.prefetch(places) }
  }

  // MARK: Slices

  private func load(upTo transaction: UInt64) throws {
    while transaction > (moments.last?.transaction ?? 0), loaded < objects.count {
      do {
        return try loadNow(upTo: transaction)
      } catch let error as FormatError where error.isMissing {
        try renew(without: error)
      }
    }
  }

  /// The maximum number of new listings after objects that no longer exist.
  private static let mostListings = 8
  private var listings = 0

  private func renew(without error: FormatError) throws {
    listings += 1
    guard listings <= Self.mostListings, objects.contains(where: { $0.key == error.object }) else {
      throw error
    }
    let new = try relist(error)
    guard !new.contains(where: { $0.key == error.object }) else { throw error }
    objects = new
    loaded = 0
    index = FrameIndex()
    moments = [moments[0]]
    position = nil
    schemaChanges = nil
    slices.removeAll()
  }

  private func loadNow(upTo transaction: UInt64) throws {
    var end = loaded
    while end < objects.count, end == loaded || transaction >= objects[end].transactions.lowerBound {
      end += 1
    }
    // Load all parts of a transaction together.
    while end < objects.count, !objects[end - 1].isLast { end += 1 }
    let range = loaded..<end
    let fetched = SliceFetch(
      access, cache.disk, objects: objects[range].map { $0 }, generation: manifest.generation)
    for number in range {
      let frames = try fetched.next()
      try add(frames, number)
      slices.insert(frames, number, cost: frames.storedBytes)
      loaded = number + 1
    }
    index.sort()
  }

  /// Adds the frames of an object to the index, after a check that the object continues the chain.
  private func add(_ frames: SliceFrames, _ number: Int) throws {
    let object = objects[number]
    guard let last = moments.last, frames.header.transactions.lowerBound <= last.transaction + 1,
      frames.header.walHeader.pageSize == pageSize
    else { throw FormatError(object.key, "its header does not fit its name") }
    // Skip the transactions of a merged object that the index already has.
    let known = Int(clamping: last.transaction + 1 - frames.header.transactions.lowerBound)
    let before =
      known > 0 && known <= frames.commits.count ? frames.commits[known - 1].state : frames.header.previous
    guard before == last.state else {
      throw FormatError(
        object.key,
        "it does not continue transaction \(last.transaction): another database state comes before it")
    }
    try check(frames, after: position, object, isWithin: known > 0)
    position = frames.endPosition
    let passed = known > 0 ? frames.commits[min(known, frames.commits.count) - 1].frames : 0
    var commit = known
    let first = frames.header.transactions.lowerBound
    frames.forEachFrame { frame, page, isWhole in
      while commit < frames.commits.count, frames.commits[commit].frames <= frame { commit += 1 }
      guard frame >= passed else { return }
      index.add(
        FrameIndex.Entry(
          page: page, transaction: first + UInt64(commit), object: UInt32(number), frame: UInt32(frame),
          isWhole: isWhole))
    }
    for (offset, commit) in frames.commits.enumerated().dropFirst(known) {
      moments.append(
        Moment(transaction: first + UInt64(offset), time: commit.time, state: commit.state))
    }
  }

  /// Throws if an object does not continue the log.
  ///
  /// Within an epoch of the log, frame numbers and checksums continue. Another epoch begins with
  /// its first frame.
  private func check(
    _ frames: SliceFrames, after position: WALPosition?, _ object: ChainObject, isWithin: Bool
  ) throws(FormatError) {
    guard let position, !isWithin else { return }
    let header = frames.header
    let continues =
      header.walHeader.salt == position.salt
      ? header.firstFrame == position.frame + 1 && header.start == position.checksum : header.firstFrame == 1
    guard continues else { throw FormatError(object.key, "it does not continue the log before it") }
  }

  private func slice(_ number: Int) throws -> SliceFrames {
    if let known = slices.value(number) {
      // Count the bytes that it has decompressed since.
      slices.insert(known, number, cost: known.storedBytes + known.decodedBytes)
      return known
    }
    let frames = try SliceFetch.read(access, cache.disk, objects[number], manifest.generation)
    slices.insert(frames, number, cost: frames.storedBytes)
    return frames
  }
}
