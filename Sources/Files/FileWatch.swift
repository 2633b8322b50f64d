import Glibc

/// Waits for changes of files by any process, without polling.
///
/// The corresponding C function is `inotify_add_watch`, which opens no file. It follows the files
/// that had the names at the beginning, even if the names change. It reports no changes by
/// other hosts on a network's file system.
package final class FileWatch: Sendable {
  /// The events to report.
  package enum Change: Sendable {
    /// Bytes were written, or the file was cut.
    case content
    /// `File.touch` was called.
    case times
  }

  private let paths: [String]
  private let mask: UInt32
  private let descriptor: Int32
  /// The ends of a pipe.
  private let ended: Int32
  private let ending: Int32

  /// Fails (nil) if a file is missing or the system has no watch left.
  ///
  /// With `once` it reports only the first change after `arm`, so that a file with constant writes
  /// costs nothing.
  package init?(_ paths: [String], _ change: Change, once: Bool = false) {
    self.paths = paths
    mask = UInt32(change == .content ? IN_MODIFY : IN_ATTRIB) | (once ? Self.oneShot : 0)
    descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    var pipe: [Int32] = [-1, -1]
    let isOpen = Glibc.pipe(&pipe) == 0
    (ended, ending) = (pipe[0], pipe[1])
    // Started programs do not inherit it.
    for end in pipe where isOpen { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    guard descriptor >= 0, isOpen, arm() else { return nil }
  }

  /// `IN_ONESHOT`, whose value Swift does not import (inotify(7)).
  private static let oneShot: UInt32 = 1 << 31

  /// Reports the next change, with `once`; false if a file is gone.
  @discardableResult
  package func arm() -> Bool {
    var isWhole = true
    for path in paths where inotify_add_watch(descriptor, path, mask) < 0 { isWhole = false }
    return isWhole
  }

  deinit {
    for open in [descriptor, ended, ending] where open >= 0 { _ = close(open) }
  }

  /// Waits for a change after those reported before, for this number of seconds, or without end if
  /// nil; returns false if there was none.
  package func wait(seconds: Double?) -> Bool {
    var polled = [descriptor, ended].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let limit = seconds.map { Int32(min(max($0, 0), 3600) * 1000) } ?? -1
    guard poll(&polled, nfds_t(polled.count), limit) > 0, polled[0].revents != 0 else { return false }
    // An event without a name has 16 bytes.
    var events = [UInt8](repeating: 0, count: 4096)
    while read(descriptor, &events, events.count) > 0 {}
    return true
  }

  /// Ends the current wait, or the next, and all after it.
  package func cancel() { _ = write(ending, [0], 1) }
}
