internal import Bytes

extension String {
  /// Lends the name as the system takes it: the very bytes that were typed, also where they are no UTF-8.
  func withNativePath<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    guard holdsStandIns else { return withCString(body) }
    let bytes = (preservedBytes + [0]).map { CChar(bitPattern: $0) }
    return bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return "".withCString(body) }
      return body(start)
    }
  }
}
