import CS3
package import ObjectStore

/// Parsers of what a server or a profile file holds, for tests and fuzzers to call with anything.
package enum PreparedAnswer {
  /// Runs `body`, in which the calling thread's requests are answered with `bytes` and nothing is sent.
  package static func give(_ bytes: [UInt8], _ body: () -> Void) {
    // One more byte, so that there is an address even for nothing.
    (bytes + [0]).withUnsafeBufferPointer { buffer in
      cs3_answer_with(buffer.baseAddress, bytes.count)
      body()
      cs3_answer_with(nil, 0)
    }
  }

  /// A store whose requests go nowhere.
  package static func store() throws(ObjectStoreError) -> S3ObjectStore {
    let settings = S3Settings(
      accessKey: "key", secretKey: "secret", endpoint: Endpoint(host: "127.0.0.1:9", isSecure: false))
    return try S3ObjectStore(
      settings: settings, bucket: "bucket", prefix: "prefix", sizeLimit: { _ in 1 << 20 })
  }

  /// Reads a profile file, and takes from it what a session takes.
  package static func readProfile(_ bytes: [UInt8]) {
    let file = ProfileFile(text: String(decoding: bytes, as: UTF8.self))
    for name in ["default", "other"] { _ = file.profile(name)?["aws_access_key_id"] }
  }
}
