import Foundation

/// An `rclone serve s3` that a test stops and starts again; its content stays.
package final class RestartableServer {
  /// `127.0.0.1:PORT`.
  package let host: String
  private let data: ScratchFolder
  private let port: Int
  private var process: ServerProcess?

  /// Starts it, with a bucket.
  package init(bucket: String) throws {
    port = Ports.closed()
    host = "127.0.0.1:\(port)"
    data = try ScratchFolder()
    try FileManager.default.createDirectory(
      atPath: "\(data.path)/\(bucket)", withIntermediateDirectories: true)
    try start()
  }

  package func start() throws {
    let arguments = [
      Servers.program("rclone"), "serve", "s3", data.path, "--config", "/dev/null", "--addr", host,
      "--auth-key", "\(RcloneServer.accessKey),\(RcloneServer.secretKey)",
    ]
    let process = try ServerProcess { _ in arguments }
    guard Ports.waitForAnswer(port, seconds: 30) else {
      throw ServerError(description: "rclone did not answer: \(process.log)")
    }
    self.process = process
  }

  /// Kills it, and waits until nothing answers any more.
  package func stop() throws {
    process = nil
    guard Ports.waitForSilence(port, seconds: 10) else {
      throw ServerError(description: "rclone did not go away")
    }
  }
}
