package import ObjectStore

extension S3ObjectStore: DetailedStore {
  package var details: [StoreDetail] {
    let origins = settings.origins
    return [
      StoreDetail("credentials", origins.credentials),
      StoreDetail(
        "endpoint",
        "\(settings.endpoint.isSecure ? "https" : "http")://\(settings.endpoint.host) (\(origins.endpoint))"),
      StoreDetail("region", "\(settings.region) (\(origins.region))"),
      StoreDetail("bucket", bucket),
      StoreDetail(
        "addressing",
        (isVirtual ? "virtual" : "path") + (settings.addressing == nil ? "" : " (S3_URI_STYLE)")),
      StoreDetail("signature", settings.signature.rawValue),
      StoreDetail(
        "storage class", settings.storageClass.map { "\($0) (S3_STORAGE_CLASS)" } ?? "the bucket's own"),
    ] + (settings.proxy.map { [StoreDetail("proxy", $0.description)] } ?? [])
      + (settings.caBundle.map { [StoreDetail("CA bundle", $0)] } ?? [])
  }

  package func permission(for operation: String) -> String {
    switch operation {
    case "list": "s3:ListBucket on arn:aws:s3:::\(bucket)"
    case "delete": "s3:DeleteObject on arn:aws:s3:::\(bucket)/\(root)*"
    case "put": "s3:PutObject on arn:aws:s3:::\(bucket)/\(root)*"
    default: "s3:GetObject on arn:aws:s3:::\(bucket)/\(root)*"
    }
  }
}
