internal import Bytes
internal import CFiles
internal import Glibc

/// The surroundings of the program: terminal, environment, directory, clock.
package enum ProcessEnvironment {
  /// Returns whether a descriptor is a terminal.
  ///
  /// The corresponding C function is `isatty`.
  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) != 0 }

  /// The columns of the terminal for errors; 80 if unknown.
  package static var terminalWidth: Int {
    var size = winsize()
    guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Returns a variable of the environment; nil if it is not set.
  package static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// The user's home directory in the password database; nil for an unknown user.
  ///
  /// `HOME` is not used, as in sqlite3.
  package static var homeDirectory: String? {
    guard let entry = getpwuid(getuid()), let directory = entry.pointee.pw_dir else { return nil }
    return String(cString: directory)
  }

  /// Keeps the memory of the process out of core dumps, and from other processes of the same user,
  /// because it holds keys.
  ///
  /// Programs that are started from here are dumped as usual. The corresponding C function is
  /// `prctl`.
  package static func keepMemoryPrivate() { _ = cfiles_prctl(Int32(cfiles_set_dumpable), 0) }

  /// Changes the working directory; false if that fails.
  package static func changeDirectory(_ path: String) -> Bool { path.withPreservedCString { chdir($0) } == 0 }

  /// Runs a command with `/bin/sh -c` and waits for it.
  ///
  /// Returns the wait status of the C function `system`.
  package static func run(_ command: String) -> Int { Int(command.withPreservedCString { system($0) }) }

  /// Returns whether a path exists.
  package static func exists(_ path: String) -> Bool { path.withPreservedCString { access($0, F_OK) } == 0 }

  /// Deletes a file, and ignores failure.
  package static func delete(_ path: String) { _ = path.withPreservedCString { unlink($0) } }

  /// Truncates or creates the file `path`; false if it cannot be opened.
  package static func truncate(_ path: String) -> Bool {
    let descriptor = path.withPreservedCString { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
  }

  /// Makes an empty file in the temporary folder, for its owner only, and returns its name; if it
  /// cannot be made, a name without a file.
  package static func temporaryFile(suffix: String) -> String {
    let folder = variable("TMPDIR") ?? "/tmp"
    while true {
      let path = folder + "/temp" + String(UInt64.random(in: .min ... .max), radix: 16) + suffix
      let descriptor = path.withPreservedCString {
        open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
      }
      if descriptor >= 0 {
        close(descriptor)
        return path
      }
      if errno != EEXIST { return path }
    }
  }

  /// Wall clock and processor time since some start, in seconds.
  package struct Times: Sendable {
    package let real: Double
    package let user: Double
    package let system: Double
  }

  /// The times used so far.
  ///
  /// The corresponding C functions are `clock_gettime` and `getrusage`.
  package static var times: Times {
    var usage = rusage()
    _ = getrusage(RUSAGE_SELF.rawValue, &usage)
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return Times(
      real: Double(now.tv_sec) + Double(now.tv_nsec) / 1e9, user: seconds(usage.ru_utime),
      system: seconds(usage.ru_stime))
  }

  /// The program's arguments; `preservedBytes` returns those that are not UTF-8.
  package static var arguments: [String] {
    (0..<Int(CommandLine.argc)).map { index in
      guard let argument = CommandLine.unsafeArgv[index] else { return "" }
      return String(preserving: UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
    }
  }

  /// Makes writes to a closed pipe fail instead of ending the program.
  ///
  /// Started programs are ended by them as usual: a caught signal, unlike an ignored one, is not
  /// inherited.
  package static func catchBrokenPipes() { signal(SIGPIPE) { _ in } }

  /// Ends the program like a write to a closed pipe.
  package static func dieOfBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    Glibc.exit(1)
  }

  /// Ends the program at once.
  package static func exit(_ code: Int32) -> Never { Glibc.exit(code) }
}
