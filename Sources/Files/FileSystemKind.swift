internal import CFiles

/// The kind of file system that a path is on.
package enum FileSystemKind {
  /// Returns the name of the network file system that a path is on; nil for any other.
  ///
  /// The corresponding C function is `statfs`, whose manual page lists the numbers.
  package static func network(_ path: String) -> String? {
    switch cfiles_file_system(path) {
    case 0x6969: return "NFS"
    case 0x517b, 0xff53_4d42, 0xfe53_4d42: return "SMB"
    case 0x0102_1997: return "9P"
    case 0x00c3_6400: return "Ceph"
    case 0x5346_414f: return "AFS"
    default: return nil
    }
  }
}
