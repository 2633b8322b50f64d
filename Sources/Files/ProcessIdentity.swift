internal import Glibc

/// Identifies a process on a start of a host, so that a live process can be distinguished from one
/// that is gone.
package enum ProcessIdentity {
  /// Number of this process.
  package static var current: Int { Int(getpid()) }

  /// Distinguishes the calling thread from other live threads.
  ///
  /// The corresponding C function is `pthread_self`.
  package static var thread: UInt { UInt(pthread_self()) }

  /// Name of the host.
  ///
  /// The corresponding C function is `gethostname`.
  package static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// An identifier of the system's start; empty if unknown.
  package static var boot: String { line("/proc/sys/kernel/random/boot_id") ?? "" }

  /// Returns when a process started, in ticks since the system started; nil if there is no such
  /// process.
  ///
  /// Field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
  package static func start(of process: Int) -> UInt64? {
    // The second field is the program's name in parentheses and may hold spaces.
    guard let text = line("/proc/\(process)/stat"), let name = text.lastIndex(of: ")") else { return nil }
    let fields = text[name...].split(separator: " ")
    return fields.count > 20 ? UInt64(fields[20]) : nil
  }

  /// Returns the process that holds a `flock` on a file, if the system shows it.
  ///
  /// Read from https://man7.org/linux/man-pages/man5/proc_locks.5.html.
  package static func holder(ofLockOn file: FileInfo) -> Int? {
    guard let locks = try? File("/proc/locks", .read).read(at: 0, count: 1 << 20) else { return nil }
    for line in String(decoding: locks, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 5, fields[1] == "FLOCK", fields[5].hasSuffix(":\(file.inode)") else { continue }
      return Int(fields[4])
    }
    return nil
  }

  private static func line(_ path: String) -> String? {
    guard let bytes = try? File(path, .read).read(at: 0, count: 4096) else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
