internal import Glibc

/// Runs a shell command and returns its output, with limits of time and length.
package enum CommandOutput {
  package enum End: Sendable {
    /// The command ended with this wait status and output.
    case ended(status: Int, output: [UInt8])
    /// It did not end in time, and was killed.
    case late
    /// It could not be started.
    case notStarted(Errno)
  }

  /// Runs a command with `/bin/sh -c`, with empty standard input.
  ///
  /// It may ask at the terminal. Without a terminal, the programs that it started are killed with
  /// it. Output beyond `limit` bytes is not read. The corresponding C function is `posix_spawn`.
  package static func of(_ command: String, limit: Int, seconds: Double) -> End {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return .notStarted(.current) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    if terminal >= 0 { close(terminal) }
    let isAlone = terminal < 0
    let process = spawn(command, output: ends[1], inOwnGroup: isAlone)
    close(ends[1])
    guard process > 0 else {
      let failure = Errno.current
      close(ends[0])
      return .notStarted(failure)
    }
    let deadline = Clock.monotonicSeconds + seconds
    let output = read(ends[0], limit: limit, until: deadline)
    close(ends[0])
    if let output, let status = wait(process, until: deadline) {
      return .ended(status: status, output: output)
    }
    for signal in [SIGTERM, SIGKILL] {
      kill(isAlone ? -process : process, signal)
      if wait(process, until: Clock.monotonicSeconds + 1) != nil { break }
    }
    return .late
  }

  private static func spawn(_ command: String, output: Int32, inOwnGroup: Bool) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    if inOwnGroup {
      posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
      posix_spawnattr_setpgroup(&attributes, 0)
    }
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(command), nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
    errno = failure
    return failure == 0 ? process : -1
  }

  /// Reads the output; returns nil if it did not end in time.
  private static func read(_ descriptor: Int32, limit: Int, until deadline: Double) -> [UInt8]? {
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while output.count < limit {
      let left = deadline - Clock.monotonicSeconds
      guard left > 0 else { return nil }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, Int32(min(left * 1000, 1000)) + 1) > 0 else { continue }
      let count = retrying { Glibc.read(descriptor, &buffer, min(buffer.count, limit - output.count)) }
      guard count > 0 else { break }
      output += buffer[..<count]
    }
    return output
  }

  /// Returns the wait status of the process; nil if it did not end in time.
  private static func wait(_ process: pid_t, until deadline: Double) -> Int? {
    var status: Int32 = 0
    while waitpid(process, &status, WNOHANG) == 0 {
      guard Clock.monotonicSeconds < deadline else { return nil }
      Clock.sleep(seconds: 0.002)
    }
    return Int(status)
  }
}
