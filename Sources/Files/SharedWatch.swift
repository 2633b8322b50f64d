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
    /// The first write or cut of a file after each `add`; the request ends with it.
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

  /// A request to watch a file or folder.
  package struct Token: Hashable, Sendable {
    fileprivate let watch: Int32
    fileprivate let number: Int
  }

  private struct State {
    /// The system has one watch for a file, whatever the number of requests.
    var handlers: [Int32: [Int: Handler]] = [:]
    var count = 0
  }

  private let descriptor: Int32
  private let state = Mutex(State())

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

  /// Watches a file or folder; nil if it is missing or no watch is left.
  ///
  /// All requests for the same file must be of one kind.
  package func add(_ path: String, _ kind: Kind, _ handler: @escaping Handler) -> Token? {
    state.withLock { state in
      let watch = inotify_add_watch(descriptor, path, kind.mask)
      guard watch >= 0 else { return nil }
      state.count += 1
      state.handlers[watch, default: [:]][state.count] = handler
      return Token(watch: watch, number: state.count)
    }
  }

  /// Ends a request; other requests for the same file stay.
  package func remove(_ token: Token) {
    state.withLock { state in
      guard state.handlers[token.watch]?.removeValue(forKey: token.number) != nil,
        state.handlers[token.watch]?.isEmpty == true
      else { return }
      state.handlers[token.watch] = nil
      _ = inotify_rm_watch(descriptor, token.watch)
    }
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
        for handler in state.withLock({ $0.handlers.values.flatMap(\.values) }) {
          handler(Change(name: "", isOverflow: true, isGone: false))
        }
        continue
      }
      let isIgnored = mask & UInt32(IN_IGNORED) != 0
      let handlers = state.withLock { state in
        (isIgnored ? state.handlers.removeValue(forKey: number) : state.handlers[number]) ?? [:]
      }
      guard !isIgnored else { continue }
      let isGone = mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF) != 0
      let change = Change(name: String(decoding: name, as: UTF8.self), isOverflow: false, isGone: isGone)
      for handler in handlers.values { handler(change) }
    }
  }
}
