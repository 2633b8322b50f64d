import Foundation
import TestSupport
import Testing

/// A store whose certificate is not trusted.
@Suite(.enabled(if: Servers.areInstalled)) struct CertificateTests {
  private let server: RcloneServer
  private let folder: TemporaryFolder

  init() throws {
    server = try RcloneServer.shared(tls: true)
    folder = try TemporaryFolder()
  }

  private func run(_ script: String, _ environment: [String: String] = [:]) throws -> ShellHarness.Result {
    try ShellHarness.run(
      ShellHarness.program, ["-bail", "live.db"], input: Data(script.utf8), in: folder,
      environment: [
        "HOME": folder.path, "S3_HOSTNAME": "https://\(server.host)", "S3_BUCKET": "trusted",
        "S3_ACCESS_KEY_ID": RcloneServer.accessKey, "S3_SECRET_ACCESS_KEY": RcloneServer.secretKey,
      ].merging(environment) { $1 })
  }

  @Test func isRefusedUnlessItsAuthorityIsTrusted() throws {
    let script = "CREATE TABLE IF NOT EXISTS t(a);\n.mirror sync\nSELECT 'mirrored';\n"
    let refused = try run(script)
    #expect(refused.code == 1)
    #expect(refused.output.isEmpty)
    #expect(refused.errors.contains("certificate"), "\(refused.errors)")

    let bundle = try #require(server.caBundle)
    try Replica.rclone(
      ["mkdir", ":s3:trusted", "--ca-cert", bundle],
      [
        "S3_HOSTNAME": "https://\(server.host)", "S3_ACCESS_KEY_ID": RcloneServer.accessKey,
        "S3_SECRET_ACCESS_KEY": RcloneServer.secretKey,
      ])
    let trusted = try run(script, ["S3_CA_BUNDLE": bundle])
    #expect(trusted.code == 0, "\(trusted.errors)")
    #expect(trusted.output == "mirrored\n")
  }
}
