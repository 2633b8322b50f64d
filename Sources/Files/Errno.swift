import Glibc

/// The system's number for the cause of a failed call.
package struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let noEntry = Errno(rawValue: ENOENT)
  package static let exists = Errno(rawValue: EEXIST)
  package static let accessDenied = Errno(rawValue: EACCES)
  package static let notPermitted = Errno(rawValue: EPERM)
  package static let readOnly = Errno(rawValue: EROFS)
  package static let noSpace = Errno(rawValue: ENOSPC)
  package static let quota = Errno(rawValue: EDQUOT)
  package static let notDirectory = Errno(rawValue: ENOTDIR)
  package static let isDirectory = Errno(rawValue: EISDIR)
  package static let notEmpty = Errno(rawValue: ENOTEMPTY)
  package static let invalid = Errno(rawValue: EINVAL)
  package static let notSupported = Errno(rawValue: EOPNOTSUPP)
  package static let notImplemented = Errno(rawValue: ENOSYS)
  package static let tooManyLinks = Errno(rawValue: EMLINK)
  package static let loop = Errno(rawValue: ELOOP)
  package static let crossesDevices = Errno(rawValue: EXDEV)

  static var current: Errno { Errno(rawValue: errno) }

  /// The system's description, such as `No such file or directory`.
  package var description: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(rawValue, &buffer, buffer.count) == 0 else { return "error \(rawValue)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
