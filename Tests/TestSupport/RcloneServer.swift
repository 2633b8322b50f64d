import Foundation

/// `rclone serve s3`, which accepts only signature v4, ignores conditions and supports TLS.
package final class RcloneServer: Sendable {
  package static let accessKey = "testkey"
  package static let secretKey = "not-so-secret-rclone"

  /// `127.0.0.1:PORT`.
  package let host: String
  /// The certificate of the private authority that signed the server's; only with TLS.
  package let caBundle: String?
  private let process: ServerProcess

  /// Returns the servers of this process, started at first use.
  package static func shared(tls: Bool) throws -> RcloneServer { try (tls ? secure : plain).get() }
  private static let plain = Result { try RcloneServer(tls: false) }
  private static let secure = Result { try RcloneServer(tls: true) }

  private init(tls: Bool) throws {
    let port = Ports.closed()
    host = "127.0.0.1:\(port)"
    process = try ServerProcess { folder in
      try FileManager.default.createDirectory(atPath: "\(folder)/data", withIntermediateDirectories: true)
      var arguments = [
        Servers.program("rclone"), "serve", "s3", "\(folder)/data", "--config", "/dev/null", "--addr",
        "127.0.0.1:\(port)", "--auth-key", "\(Self.accessKey),\(Self.secretKey)",
      ]
      if tls {
        try Self.makeCertificates(in: folder)
        arguments += ["--cert", "\(folder)/server.pem", "--key", "\(folder)/server.key"]
      }
      return arguments
    }
    caBundle = tls ? "\(process.folder)/authority.pem" : nil
    guard Ports.waitForAnswer(port, seconds: 30, request: tls ? nil : "GET / HTTP/1.0\r\n\r\n") else {
      throw ServerError(description: "rclone did not answer: \(process.log)")
    }
  }

  private static func makeCertificates(in folder: String) throws {
    let script = """
      set -e
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test-authority \
        -addext basicConstraints=critical,CA:TRUE -keyout authority.key -out authority.pem
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
        -keyout server.key -out server.csr
      printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\\n' >extensions
      openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
        -extfile extensions -out server.pem
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ServerError(description: "openssl made no certificates")
    }
  }
}
