import Glibc
internal import Dispatch
internal import Synchronization

/// Waits for changes of many files and folders with one inotify and one thread.
///
/// A system permits few inotifies for each user, and many watches
/// (https://man7.org/linux/man-pages/man7/inotify.7.html). Handlers run on the thread of the watch,
/// so they must be short.
package final class SharedWatch: Sendable {
  /// The change that a handler gets.
  package struct Change: Sendable {
    /// The name in a watched folder; empty for a watched file.
    package let name: String
    /// Whether events were lost, so that anything may have changed.
    package let isOverflow: Bool
    /// Whether the watched file or folder itself is gone.
    package let isGone: Bool
  }
  package typealias Handler = @Sendable (Change) -> Void

  /// The changes to report.
  package enum Kind: Sendable {
    /// The first write or cut of a file after each `add`.
    case firstWrite
    /// `File.touch` was called.
    case times
    /// Names appear in a folder or disappear.
    case names

    var mask: UInt32 {
      switch self {
      case .firstWrite: UInt32(IN_MODIFY) | 1 << 31
      case .times: UInt32(IN_ATTRIB)
      case .names:
        UInt32(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)
      }
    }
  }

  private let descriptor: Int32
  private let handlers = Mutex<[Int32: Handler]>([:])

  /// Fails (nil) if the system has no inotify left.
  package init?() {
    descriptor = inotify_init1(Int32(IN_CLOEXEC))
    guard descriptor >= 0 else { return nil }
    let descriptor = descriptor
    DispatchQueue(label: "mirror.watch").async { [weak self] in
      var bytes = [UInt8](repeating: 0, count: 16 << 10)
      while true {
        let count = retrying { read(descriptor, &bytes, bytes.count) }
        guard count > 0, let self else { return }
        self.report(bytes[..<count])
      }
    }
  }

  /// Watches a file or folder; returns its number, or nil if it is missing or no watch is left.
  ///
  /// A second call for the same file replaces the handler.
  package func add(_ path: String, _ kind: Kind, _ handler: @escaping Handler) -> Int32? {
    handlers.withLock { handlers in
      let number = inotify_add_watch(descriptor, path, kind.mask)
      guard number >= 0 else { return nil }
      handlers[number] = handler
      return number
    }
  }

  /// Ends a watch.
  package func remove(_ number: Int32) {
    let isKnown = handlers.withLock { $0.removeValue(forKey: number) != nil }
    if isKnown { _ = inotify_rm_watch(descriptor, number) }
  }

  /// Reads events: number, mask, cookie and length, then the name (inotify(7)).
  private func report(_ bytes: ArraySlice<UInt8>) {
    var at = bytes.startIndex
    func field(_ offset: Int) -> UInt32 {
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + offset + $1]) << UInt32(8 * $1) }
    }
    while at + 16 <= bytes.endIndex {
      let number = Int32(bitPattern: field(0))
      let (mask, length) = (field(4), Int(field(12)))
      let name = bytes[(at + 16)..<min(at + 16 + length, bytes.endIndex)].prefix { $0 != 0 }
      at += 16 + length
      if mask & UInt32(IN_Q_OVERFLOW) != 0 {
        for handler in handlers.withLock({ Array($0.values) }) {
          handler(Change(name: "", isOverflow: true, isGone: false))
        }
        continue
      }
      let isIgnored = mask & UInt32(IN_IGNORED) != 0
      let handler = handlers.withLock { isIgnored ? $0.removeValue(forKey: number) : $0[number] }
      guard !isIgnored else { continue }
      let isGone = mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF) != 0
      handler?(Change(name: String(decoding: name, as: UTF8.self), isOverflow: false, isGone: isGone))
    }
  }
}
