extension String {
  /// Lends the text as a C string: exactly the bytes that it was decoded from, also if they are not
  /// UTF-8.
  package func withPreservedCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    guard holdsStandIns else { return withCString(body) }
    let bytes = (preservedBytes + [0]).map { CChar(bitPattern: $0) }
    return bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return "".withCString(body) }
      return body(start)
    }
  }
}
