internal import ObjectStore

/// The URL of a replica: `s3://bucket/prefix` or `file:///directory`.
package enum ReplicaURL: Equatable, Sendable {
  case s3(bucket: String, prefix: String)
  case file(String)

  /// Reads a URL.
  ///
  /// The error names the fault and shows the right form.
  package init(_ text: String) throws(ReplicaURLError) {
    guard !Self.mayHoldSecret(text) else {
      throw ReplicaURLError(
        "credentials do not belong in a mirror's URL: set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY instead")
    }
    if text.hasPrefix("s3://") {
      let parts = text.dropFirst(5).split(separator: "/", omittingEmptySubsequences: true)
      guard let bucket = parts.first else {
        throw ReplicaURLError("no bucket in \(text): use s3://bucket/prefix")
      }
      self = .s3(bucket: String(bucket), prefix: parts.dropFirst().joined(separator: "/"))
    } else if text.hasPrefix("file:///") {
      self = .file(String(text.dropFirst(7)))
    } else {
      throw ReplicaURLError("not the URL of a mirror: \(text): use s3://bucket/prefix or file:///directory")
    }
  }

  /// Returns whether a text with a URL may hold a secret: `user:secret@` or `?secret=`.
  package static func mayHoldSecret(_ text: String) -> Bool {
    if text.contains("@") { return true }
    guard let query = text.firstIndex(of: "?") else { return false }
    return text[query...].contains("=")
  }

  /// Returns the same URL, with a database's name as prefix if it has none.
  package func named(for databasePath: String) -> ReplicaURL {
    guard case .s3(let bucket, let prefix) = self, prefix.isEmpty else { return self }
    return .s3(bucket: bucket, prefix: Self.prefix(for: databasePath))
  }

  /// Returns the URL of a replica at a path below this one.
  package func appending(_ path: String) -> ReplicaURL {
    switch self {
    case .file(let folder): .file(folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)")
    case .s3(let bucket, let prefix): .s3(bucket: bucket, prefix: prefix.isEmpty ? path : "\(prefix)/\(path)")
    }
  }

  /// Returns the file's name with characters that a key can hold.
  static func prefix(for path: String) -> String {
    ObjectKey.escaped(String(path.split(separator: "/").last ?? "database"))
  }
}

/// The error of a wrong URL.
package struct ReplicaURLError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}
