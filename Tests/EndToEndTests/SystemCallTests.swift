import Foundation
import TestSupport
import Testing

/// The program on a file system that fails, by a library between it and the system.
@Suite struct SystemCallTests {
  /// Logs calls and makes them fail.
  ///
  /// `SHIM_LOG` names the log, `SHIM_FOLDER` the folder whose first `SHIM_TIMES` syncs fail.
  /// `SHIM_LINK` removes hard links. `SHIM_DAYS` is how many days the clock is ahead, except for
  /// files.
  private static let shim = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <time.h>
    #include <unistd.h>
    static int failed;
    static void note(const char *what, const char *path, int result) {
      const char *name = getenv("SHIM_LOG");
      int log = name ? open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
      char line[5000];
      int length = snprintf(line, sizeof line, "%s %d %s\\n", what, result, path);
      if (log >= 0 && write(log, line, (size_t)length) < 0) abort();
      if (log >= 0) close(log);
    }
    int fsync(int descriptor) {
      char link[64], path[4096];
      struct stat status;
      snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
      ssize_t length = readlink(link, path, sizeof path - 1);
      path[length < 0 ? 0 : length] = 0;
      const char *folder = getenv("SHIM_FOLDER"), *times = getenv("SHIM_TIMES");
      if (fstat(descriptor, &status) || !S_ISDIR(status.st_mode)) return 0;
      size_t end = folder ? strlen(folder) : 0;
      int isIt = folder && (size_t)length >= end && !strcmp(path + length - end, folder);
      int result = isIt && failed < atoi(times) ? -1 : 0;
      if (result) failed++;
      note("sync", path, result);
      if (result) errno = EIO;
      return result;
    }
    int link(const char *from, const char *to) {
      int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
      if (getenv("SHIM_LINK")) return errno = EPERM, -1;
      int result = real(from, to), error = errno;
      note("name", to, result);
      return errno = error, result;
    }
    int clock_gettime(clockid_t clock, struct timespec *now) {
      int (*real)(clockid_t, struct timespec *) =
        (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
      const char *days = getenv("SHIM_DAYS");
      int result = real(clock, now);
      if (!result && clock == CLOCK_REALTIME && days) now->tv_sec += atol(days) * 86400;
      return result;
    }
    int mkdir(const char *path, mode_t mode) {
      int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
      int result = real(path, mode), error = errno;
      note("name", path, result);
      return errno = error, result;
    }
    """

  private let folder: TestSupport.TemporaryFolder
  private let library: String

  init() throws {
    folder = try TemporaryFolder()
    let source = try folder.write(Self.shim, to: "shim.c")
    library = folder.path("shim.so")
    let built = try ShellHarness.run(
      "/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"])
    try #require(built.code == 0, "\(built.errors)")
  }

  /// Folders in which a name was created after their last sync.
  private func unsafeFolders() throws -> Set<String> {
    var open: Set<String> = []
    for line in String(decoding: try folder.read("log"), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2).map(String.init)
      guard words[1] == "0" else { continue }
      let path = words[2]
      // No stored transaction depends on the lease.
      guard !path.hasSuffix("/lease.txt") else { continue }
      if words[0] == "sync" {
        open.remove(path)
      } else {
        open.insert((path as NSString).deletingLastPathComponent)
      }
    }
    return open.filter { $0.hasPrefix(folder.path) }
  }

  /// Folders whose name ends with this, and how often their sync fails.
  @Test(arguments: [
    ("/wal", 1), ("/wal", 3), ("/sql", 1), ("/base", 2), ("/pages", 1), ("/replica", 1), ("/replica", 2),
    ("/generations", 1), ("/new", 1), ("/new", 2),
  ])
  func acknowledgesNothingThatACrashCouldTake(name: String, times: Int) throws {
    let result = try ShellHarness.run(
      ShellHarness.program,
      ["-bail", "-durability", "sync", "-mirror", "file://\(folder.path)/new/replica", "live.db"],
      input: Data(
        "CREATE TABLE t(a);\n.mirror sync\nINSERT INTO t VALUES(1);\n.mirror sync\nSELECT 'stored';\n".utf8),
      in: folder,
      environment: [
        "LD_PRELOAD": library, "SHIM_LOG": folder.path("log"), "SHIM_FOLDER": name, "SHIM_TIMES": "\(times)",
        "HOME": folder.path,
      ])
    // A refused object is stored at the end, which tries again.
    #expect(result.code == 0 || result.errors.contains("Input/output error"), "\(result)")
    let log = String(decoding: try folder.read("log"), as: UTF8.self)
    #expect(log.contains("sync -1 "), "nothing failed")
    // Folders in which nothing was stored need not survive.
    let hasObjects = try folder.contents().keys.contains {
      $0.hasPrefix("new/replica/") && !$0.contains("%lock")
    }
    let left = hasObjects ? try unsafeFolders() : []
    #expect(left == [], "\(log)")
  }

  @Test func reportsThatAFileSystemHasNoHardLinks() throws {
    let result = try ShellHarness.run(
      ShellHarness.program, ["-bail", "-mirror", "file://\(folder.path)/replica", "live.db"],
      input: Data("CREATE TABLE t(a);\n.mirror sync\n".utf8), in: folder,
      environment: [
        "LD_PRELOAD": library, "SHIM_LINK": "1", "HOME": folder.path, "S3_FLUSH_TIMEOUT": "5",
      ])
    // Without hard links nothing can be created safely, so the lease is kept as in a store without
    // conditions.
    #expect(result.code == 0)
    #expect(
      result.errors.contains("(the file system of FOLDER/replica has no hard links"), "\(result.errors)")
  }

  @Test func keepsHistoryThatOnlyASessionsClockMakesOld() throws {
    func shell(_ script: String, days: Int) throws {
      let result = try ShellHarness.run(
        ShellHarness.program, ["-bail", "-mirror", "file://\(folder.path)/replica", "live.db"],
        input: Data(script.utf8), in: folder,
        environment: ["LD_PRELOAD": library, "SHIM_DAYS": "\(days)", "HOME": folder.path])
      try #require(result.code == 0, "\(result)")
    }
    try shell(
      "CREATE TABLE t(a);\nINSERT INTO t VALUES(1);\n.mirror snapshot\nINSERT INTO t VALUES(2);\n.mirror snapshot\n",
      days: 0)
    try shell(
      "INSERT INTO t VALUES(3);\n.mirror sync\n.mirror prune --keep 30d\n", days: 60)
    try shell("INSERT INTO t VALUES(4);\n.mirror sync\n", days: 62)
    let restored = try ShellHarness.run(
      ShellHarness.program, ["-bail", ":memory:"],
      input: Data(".restore wal --from file://\(folder.path)/replica --to-txn 2 --output old.db\n".utf8),
      in: folder)
    #expect(restored.code == 0, "\(restored.errors)")
    #expect(try sqlite3("SELECT group_concat(a) FROM t", folder.path("old.db")) == "1\n")
  }
}
