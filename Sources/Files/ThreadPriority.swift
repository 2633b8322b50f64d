internal import Glibc

/// How much of a processor a thread gets beside others.
package enum ThreadPriority {
  /// Lets the calling thread give way to all that is usual, for as long as it lives: only root may take that back.
  ///
  /// So for threads that do nothing else, such as those of Dispatch's background queues. The corresponding C function is
  /// `setpriority(PRIO_PROCESS, 0)`, which is for one thread in Linux.
  package static func lower() { _ = setpriority(__priority_which_t(0), 0, lowered) }

  /// The niceness of the calling thread, -20 to 19; what is higher gives way.
  package static var niceness: Int32 { getpriority(__priority_which_t(0), 0) }

  private static let lowered: Int32 = 10
}
