import Digest

/// AWS's Signature Version 2 for S3, for older stores.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
struct SignatureV2 {
  let credentials: Credentials

  /// Returns the value of the `Authorization` header.
  ///
  /// The time is the `x-amz-date` among `headers`; only headers named `x-amz-…` are signed.
  /// `resource` begins with the bucket, whether the URL does or not.
  func authorization(method: String, resource: String, headers: [Header]) -> String {
    let amazon = headers.map { (name: $0.name.lowercased(), value: $0.value) }
      .filter { $0.name.hasPrefix("x-amz-") }.sorted { $0.name < $1.name }
    let type = headers.first { $0.name.lowercased() == "content-type" }?.value ?? ""
    let digest = headers.first { $0.name.lowercased() == "content-md5" }?.value ?? ""
    let toSign =
      "\(method)\n\(digest)\n\(type)\n\n" + amazon.map { "\($0.name):\($0.value)\n" }.joined() + resource
    let signature = hmacSHA1(key: Array(credentials.secretKey.utf8), message: Array(toSign.utf8))
    return "AWS \(credentials.accessKey):\(base64(signature))"
  }
}
