internal import Bytes

/// Predicts the pages that a walk through a tree will read next.
///
/// Interior pages list their children in the order of keys. A run begins if two children are read
/// in that order, or in the reverse order. It reads 32 children ahead, and doubles this number each
/// time half of them have been read.
///
/// Pages must be passed in the order in which SQLite reads them. SQLite reads an interior page
/// before its children.
final class ReadAhead {
  private struct Place {
    let parent: UInt32
    let index: Int
  }

  /// A walk through the children of one level of a tree.
  private struct Run {
    var parent: UInt32
    var index: Int
    /// The direction: 1 or -1; 0 before it is known.
    var step = 0
    /// The number of children beyond `index` that were already requested.
    var ahead = 0
    var window = 0
  }

  private static let first = 32
  private static let most = 2048
  /// The maximum number of known children; beyond it, all of them are forgotten.
  private static let mostChildren = 2 << 20

  private let pages: UInt32
  private let pageSize: Int
  private var children: [UInt32: [UInt32]] = [:]
  private var places: [UInt32: Place] = [:]
  private var runs: [Run] = []

  /// Returns a page if it is available without a request, otherwise nil.
  private let peek: (UInt32) -> [UInt8]?

  init(pages: UInt32, pageSize: Int, peek: @escaping (UInt32) -> [UInt8]?) {
    self.pages = pages
    self.pageSize = pageSize
    self.peek = peek
  }

  /// Records the children of an interior page that was read; does nothing for other pages.
  func note(_ page: UInt32, _ bytes: [UInt8], _ index: Int) {
    guard children[page] == nil else { return }
    let found = InteriorPage.children(bytes, index, page: page, pageSize: pageSize, pages: pages)
    guard !found.isEmpty else { return }
    if places.count > Self.mostChildren {
      places = [:]
      children = [:]
    }
    children[page] = found
    for (index, child) in found.enumerated() { places[child] = Place(parent: page, index: index) }
  }

  /// Returns the pages to fetch while a page is read.
  func pages(toReadWith page: UInt32) -> [UInt32] {
    guard let place = places[page] else { return [] }
    guard let number = runs.firstIndex(where: { continues($0, place) }) else {
      if runs.contains(where: { $0.parent == place.parent && $0.index == place.index }) { return [] }
      if runs.count >= 8 { runs.removeFirst() }
      runs.append(Run(parent: place.parent, index: place.index))
      return []
    }
    var run = runs.remove(at: number)
    let step = run.step != 0 ? run.step : direction(run, place)
    if run.step == 0 { run.window = Self.first }
    (run.parent, run.index, run.step) = (place.parent, place.index, step)
    run.ahead = max(run.ahead - 1, 0)
    defer { runs.append(run) }
    guard run.ahead <= run.window / 2 else { return [] }
    if run.ahead > 0 { run.window = min(run.window * 2, Self.most) }
    let (wanted, parent) = following(place, step, skipping: run.ahead, count: run.window - run.ahead)
    run.ahead += wanted.count
    return wanted + (parent.map { [$0] } ?? [])
  }

  private func continues(_ run: Run, _ place: Place) -> Bool {
    let step = direction(run, place)
    return step != 0 && (run.step == 0 || run.step == step)
  }

  /// Returns 1 if a place directly follows that of a run, -1 if it directly precedes it, else 0.
  private func direction(_ run: Run, _ place: Place) -> Int {
    if run.parent == place.parent {
      return abs(place.index - run.index) == 1 ? place.index - run.index : 0
    }
    guard let from = places[run.parent], let to = places[place.parent], from.parent == to.parent else {
      return 0
    }
    let (old, new) = (children[run.parent]?.count ?? 0, children[place.parent]?.count ?? 0)
    if to.index == from.index + 1, run.index == old - 1, place.index == 0 { return 1 }
    if to.index == from.index - 1, run.index == 0, place.index == new - 1 { return -1 }
    return 0
  }

  /// Returns the children beyond a place, in the direction of the walk.
  ///
  /// If the next parent's children are not known yet, returns this parent too.
  private func following(_ place: Place, _ step: Int, skipping: Int, count: Int) -> ([UInt32], UInt32?) {
    var found: [UInt32] = []
    var skipped = 0
    var (parent, index) = (place.parent, place.index + step)
    while found.count < count {
      guard let siblings = children[parent] else { break }
      guard siblings.indices.contains(index) else {
        guard let above = places[parent], let uncles = children[above.parent],
          uncles.indices.contains(above.index + step)
        else { break }
        parent = uncles[above.index + step]
        if children[parent] == nil, let bytes = peek(parent) { note(parent, bytes, 0) }
        guard let next = children[parent] else { return (found, parent) }
        index = step > 0 ? 0 : next.count - 1
        continue
      }
      if skipped < skipping { skipped += 1 } else { found.append(siblings[index]) }
      index += step
    }
    return (found, nil)
  }
}
