internal import Glibc

/// Kind, permissions and time of a file, links not followed.
package struct FileStatus: Sendable {
  /// Kind and permissions as in `st_mode`.
  package let mode: UInt32
  /// Seconds since 1970.
  package let modified: Int64

  package static let kindMask: UInt32 = S_IFMT
  package static let folder: UInt32 = S_IFDIR
  package static let link: UInt32 = S_IFLNK
  package static let regular: UInt32 = S_IFREG

  package var isFolder: Bool { mode & Self.kindMask == Self.folder }
  package var isLink: Bool { mode & Self.kindMask == Self.link }

  /// Reads the status of the file with this name, a C string; nil if there is none or it is
  /// unknown.
  ///
  /// The corresponding C function is `lstat`.
  package init?(_ name: [UInt8]) {
    var status = stat()
    guard lstat(Self.cString(name), &status) == 0 else { return nil }
    mode = UInt32(status.st_mode)
    modified = Int64(status.st_mtim.tv_sec)
  }

  /// Returns the target of a symbolic link; nil if it cannot be read.
  ///
  /// The corresponding C function is `readlink`.
  package static func target(ofLink name: [UInt8]) -> [UInt8]? {
    var size = 256
    while true {
      var target = [UInt8](repeating: 0, count: size)
      let count = target.withUnsafeMutableBufferPointer { target in
        target.withMemoryRebound(to: CChar.self) { target in
          target.baseAddress.map { readlink(cString(name), $0, target.count) } ?? -1
        }
      }
      guard count >= 0 else { return nil }
      if count < size { return Array(target.prefix(count)) }
      size *= 2
    }
  }

  static func cString(_ name: [UInt8]) -> [CChar] { (name + [0]).map { CChar(bitPattern: $0) } }
}
