package import Encryption
package import ObjectStore
import ReplicaFormat
import Files
import Synchronization

/// The settings of encryption keys, and the keys once they were read.
package final class EncryptionSettings: Sendable {
  private let file: String?
  private let command: String?
  private let mode: String?
  /// Seconds that the command may take; a person may have to type a passphrase.
  private let commandTimeout: Double
  private let state = Mutex(State())

  private struct State {
    var ring: KeyRing?
    /// The error of reading them, and its time (`Clock.monotonicSeconds`), because a prompt asks
    /// again and again.
    var failure: (error: KeyRingError, at: Double)?
    var warnings: [String] = []
  }

  /// The maximum bytes of a key file or of a command's output.
  private static let limit = 1 << 16

  /// Takes the values of `S3_ENCRYPTION_KEY_FILE`, `S3_ENCRYPTION_KEY_COMMAND` and `S3_ENCRYPTION`;
  /// an empty value counts as not set.
  package init(file: String?, command: String?, mode: String?, commandTimeout: Double = 30) {
    self.commandTimeout = commandTimeout
    func given(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
    self.file = given(file)
    self.command = given(command)
    self.mode = given(mode)
  }

  /// Seconds until a failed read is tried again.
  private static let pause = 5.0

  /// Reads the keys, once.
  ///
  /// The ring is empty if no key is configured.
  package func keys() throws(KeyRingError) -> KeyRing {
    let known = state.withLock { $0 }
    if let ring = known.ring { return ring }
    if let failure = known.failure, Clock.monotonicSeconds < failure.at + Self.pause { throw failure.error }
    do throws(KeyRingError) {
      let ring = try load()
      if !ring.keys.isEmpty { ProcessEnvironment.keepMemoryPrivate() }
      state.withLock { $0.ring = ring }
      return ring
    } catch {
      state.withLock { $0.failure = (error, Clock.monotonicSeconds) }
      throw error
    }
  }

  private func load() throws(KeyRingError) -> KeyRing {
    guard mode == nil || mode == "required" else {
      throw KeyRingError("S3_ENCRYPTION is required or not set, not \"\(mode ?? "")\"")
    }
    var ring = KeyRing.empty
    switch (file, command) {
    case (.some, .some):
      throw KeyRingError("S3_ENCRYPTION_KEY_FILE and S3_ENCRYPTION_KEY_COMMAND are both set: unset one")
    case (let path?, nil): ring = try read(path)
    case (nil, let command?): ring = try run(command)
    case (nil, nil): break
    }
    guard mode == nil || !ring.keys.isEmpty else {
      throw KeyRingError(
        "S3_ENCRYPTION=required, but there is no key: set S3_ENCRYPTION_KEY_FILE or S3_ENCRYPTION_KEY_COMMAND"
      )
    }
    ring.isRequired = mode != nil
    return ring
  }

  /// Returns a warning about the file, once.
  package func takeWarnings() -> [String] {
    state.withLock { state in
      defer { state.warnings.removeAll() }
      return state.warnings
    }
  }

  private func read(_ path: String) throws(KeyRingError) -> KeyRing {
    let origin = "S3_ENCRYPTION_KEY_FILE \(path)"
    let bytes: [UInt8]
    do throws(FilesError) {
      let file = try File(path, .read)
      let info = try file.info()
      guard !info.isFolder else { throw FilesError(.isDirectory, verb: "read", object: path) }
      bytes = try file.read(at: 0, count: Self.limit)
      if info.isReadableByOthers {
        state.withLock { $0.warnings.append("\(path) can be read by every user: use chmod 600 \(path)") }
      }
    } catch {
      throw KeyRingError("the key of S3_ENCRYPTION_KEY_FILE cannot be read: \(error)")
    }
    return try KeyRing(reading: bytes, origin: origin)
  }

  private func run(_ command: String) throws(KeyRingError) -> KeyRing {
    let origin = "S3_ENCRYPTION_KEY_COMMAND"
    // Typed text, or a script on standard input, is not for the command.
    switch CommandOutput.of(command, limit: Self.limit, seconds: commandTimeout) {
    case .notStarted(let reason): throw KeyRingError("\(origin) cannot be started: \(reason)")
    case .late:
      throw KeyRingError("\(origin) failed: it did not end within \(Int(commandTimeout)) seconds")
    case .ended(let status, let bytes):
      guard status == 0 else {
        let code = status >> 8 & 0xff
        throw KeyRingError("\(origin) failed" + (code > 0 ? ": it exited with \(code)" : ""))
      }
      return try KeyRing(reading: bytes, origin: origin)
    }
  }
}

extension EncryptionSettings {
  /// Returns a store that encrypts with the key, and recognizes encrypted objects without one.
  package func over(_ store: any ObjectStore) throws -> any ObjectStore {
    EncryptedStore(store, keys: try keys(), open: ReplicaLayout.open)
  }
}
