import Foundation
import TestSupport

/// The place of a test's replica in one of the stores.
struct Replica {
  enum Kind: CaseIterable, Sendable { case directory, seaweed, rclone }

  let kind: Kind
  let arguments: [String]
  let environment: [String: String]
  /// The URL for `.restore --from`.
  let url: String
  private let folder: TemporaryFolder
  /// The place in rclone's form, which reads it back.
  private let remote: String

  /// With `ownBucket` the test has its own bucket; otherwise its own prefix in a common one.
  init(_ kind: Kind, ownBucket: Bool = false) throws {
    self.kind = kind
    folder = try TemporaryFolder()
    let name = "t" + UUID().uuidString.lowercased()
    switch kind {
    case .directory:
      url = "file://\(folder.path)/\(name)"
      arguments = ["-mirror", url]
      environment = [:]
      remote = "\(folder.path)/\(name)"
    case .seaweed, .rclone:
      arguments = []
      let host = try kind == .seaweed ? SeaweedServer.shared().host : RcloneServer.shared(tls: false).host
      let key = kind == .seaweed ? SeaweedServer.accessKey : RcloneServer.accessKey
      let secret = kind == .seaweed ? SeaweedServer.secretKey : RcloneServer.secretKey
      let bucket = ownBucket ? name : "end-to-end"
      var variables = [
        "S3_HOSTNAME": "http://\(host)", "S3_BUCKET": bucket, "S3_ACCESS_KEY_ID": key,
        "S3_SECRET_ACCESS_KEY": secret,
      ]
      if !ownBucket { variables["S3_PREFIX"] = name }
      environment = variables
      url = ownBucket ? "s3://\(bucket)" : "s3://\(bucket)/\(name)"
      remote = ownBucket ? ":s3:\(bucket)" : ":s3:\(bucket)/\(name)"
      try rclone(["mkdir", ":s3:\(bucket)"])
    }
  }

  private func rclone(_ arguments: [String]) throws { try Self.rclone(arguments, environment) }

  /// Runs rclone as a client of the server in the shell's `environment`.
  static func rclone(_ arguments: [String], _ environment: [String: String]) throws {
    let result = try ShellHarness.run(
      Servers.program("rclone"), arguments + ["--config", "/dev/null", "-q"],
      environment: [
        "HOME": "/", "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENDPOINT": environment["S3_HOSTNAME"] ?? "",
        "RCLONE_S3_ACCESS_KEY_ID": environment["S3_ACCESS_KEY_ID"] ?? "",
        "RCLONE_S3_SECRET_ACCESS_KEY": environment["S3_SECRET_ACCESS_KEY"] ?? "",
      ])
    guard result.code == 0 else { throw ServerError(description: "rclone \(arguments): \(result.errors)") }
  }

  /// Returns every object's content by its key.
  func objects() throws -> [String: Data] {
    let copy = try TemporaryFolder()
    try rclone(["copy", remote, copy.path])
    return try copy.contents()
  }

  /// Returns the path of an object of a directory replica.
  func path(_ key: String) -> String { "\(remote)/\(key)" }
}

extension TemporaryFolder {
  /// Returns every file below the folder by its path in it.
  func contents() throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path(name), isDirectory: &isFolder)
      if !isFolder.boolValue { found[name] = try read(name) }
    }
    return found
  }
}
