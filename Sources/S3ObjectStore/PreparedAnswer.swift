import CS3
package import ObjectStore

/// Gives parsers of server answers and profile files any bytes, for tests and fuzzers.
package enum PreparedAnswer {
  /// Runs `body`.
  ///
  /// The calling thread's requests get `bytes` as the answer, and nothing is sent.
  package static func give(_ bytes: [UInt8], _ body: () -> Void) {
    // One more byte, so that an empty array has an address too.
    (bytes + [0]).withUnsafeBufferPointer { buffer in
      cs3_answer_with(buffer.baseAddress, bytes.count)
      body()
      cs3_answer_with(nil, 0)
    }
  }

  /// Returns a store whose requests are not sent.
  package static func store() throws(ObjectStoreError) -> S3ObjectStore {
    let settings = S3Settings(
      accessKey: "key", secretKey: "secret", endpoint: Endpoint(host: "127.0.0.1:9", isSecure: false))
    return try S3ObjectStore(
      settings: settings, bucket: "bucket", prefix: "prefix", sizeLimit: { _ in 1 << 20 })
  }

  /// Reads a profile file, and takes the same settings from it as a session.
  package static func readProfile(_ bytes: [UInt8]) {
    let file = ProfileFile(text: String(decoding: bytes, as: UTF8.self))
    for name in ["default", "other"] { _ = file.profile(name)?["aws_access_key_id"] }
  }
}
