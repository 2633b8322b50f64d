import Glibc

/// The processes that have a file open, if the system shows them to this user.
///
/// Read from https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html.
package enum OpenFiles {
  /// A process and the name of its program.
  package struct User: Hashable, Sendable {
    package let process: Int
    package let program: String
  }

  /// Returns another process that has the file open; nil if none is found.
  package static func other(using file: FileInfo) -> User? {
    let own = ProcessIdentity.current
    for name in (try? Folder.names(in: "/proc")) ?? [] {
      guard let process = Int(name), process != own, isOpen(file, in: process) else { continue }
      let program = (try? File("/proc/\(process)/comm", .read).read(at: 0, count: 64)) ?? []
      return User(
        process: process,
        program: String(decoding: program.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
    return nil
  }

  /// Returns whether this process has the file open.
  package static func isOpenHere(_ file: FileInfo) -> Bool { isOpen(file, in: ProcessIdentity.current) }

  private static func isOpen(_ file: FileInfo, in process: Int) -> Bool {
    let folder = "/proc/\(process)/fd"
    guard let names = try? Folder.names(in: folder) else { return false }
    return names.contains { name in
      var status = stat()
      return stat("\(folder)/\(name)", &status) == 0 && UInt64(status.st_ino) == file.inode
        && UInt64(status.st_dev) == file.device
    }
  }
}
