internal import Glibc

/// Free space on the file system of a folder.
package enum FreeSpace {
  /// Returns the number of bytes that this user may still write there.
  ///
  /// The corresponding C function is `statvfs`.
  package static func bytes(in folder: String) throws(FilesError) -> Int {
    var status = statvfs()
    guard retrying({ statvfs(folder, &status) }) == 0 else {
      throw FilesError(.current, verb: "examine", object: folder)
    }
    return Int(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }
}
