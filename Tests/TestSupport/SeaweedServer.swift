import Foundation

/// SeaweedFS with its S3 gateway, which accepts signatures v2 and v4 and honours conditions.
package final class SeaweedServer: Sendable {
  package static let accessKey = "testkey"
  package static let secretKey = "not-so-secret-seaweed"

  /// `127.0.0.1:PORT` of the S3 gateway, without TLS.
  package let host: String
  private let process: ServerProcess

  /// Returns the one server of this process, started at first use.
  package static func shared() throws -> SeaweedServer { try started.get() }
  // Another process that takes a port can make a start fail.
  private static let started = Result {
    do {
      return try SeaweedServer(patience: 30)
    } catch {
      return try SeaweedServer(patience: 60)
    }
  }

  private init(patience: Double) throws {
    let ports = Ports.free(4)
    let sockets = zip(["master", "volume", "filer", "s3"], ports).flatMap {
      ["/tmp/seaweedfs-\($0)-\($1).sock", "/tmp/seaweedfs-\($0)-grpc-\($1 + 10000).sock"]
    }
    process = try ServerProcess(leftovers: sockets) { folder in
      let configuration = """
        {"identities":[{"name":"admin","credentials":[{"accessKey":"\(Self.accessKey)","secretKey":"\(Self.secretKey)"}],
        "actions":["Admin","Read","Write","List","Tagging"]}]}
        """
      try configuration.write(toFile: "\(folder)/s3.json", atomically: true, encoding: .utf8)
      try FileManager.default.createDirectory(atPath: "\(folder)/data", withIntermediateDirectories: true)
      return [
        Servers.program("weed"), "-logdir=\(folder)", "server", "-dir=\(folder)/data", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.port=\(ports[0])", "-volume.port=\(ports[1])", "-filer", "-filer.port=\(ports[2])", "-s3",
        "-s3.port=\(ports[3])", "-s3.config=\(folder)/s3.json", "-master.volumeSizeLimitMB=256",
        "-volume.max=100",
        // These have fixed ports, so a second server could not start.
        "-s3.port.iceberg=0", "-s3.port.lance=0",
      ]
    }
    host = "127.0.0.1:\(ports[3])"
    guard Ports.waitForAnswer(ports[3], seconds: patience) else {
      throw ServerError(description: "SeaweedFS did not answer: \(process.log)")
    }
  }
}
