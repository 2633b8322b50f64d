import DirectoryObjectStore
import Encryption
import Foundation
import ObjectStore
import S3ObjectStore
import Synchronization
import TestSupport
import Testing

/// Every store the contract is tested on.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case memory, encrypted, encryptedSeaweed, directory, seaweedV4, seaweedV2, rclone, rcloneTLS

  var testDescription: String { rawValue }

  /// The stores that are available here.
  static var available: [StoreKind] {
    allCases.filter { Servers.areInstalled || [.memory, .directory, .encrypted].contains($0) }
  }

  /// The stores that honour conditions.
  static var conditional: [StoreKind] { available.filter { $0 != .rclone && $0 != .rcloneTLS } }

  /// The stores that speak S3.
  static var remote: [StoreKind] {
    available.filter { ![.memory, .directory, .encrypted, .encryptedSeaweed].contains($0) }
  }

  /// Stores whose objects are longer than their content.
  var isEncrypted: Bool { self == .encrypted || self == .encryptedSeaweed }

  /// Returns an empty store of this kind.
  func make() throws -> StoreUnderTest {
    switch self {
    case .memory: return StoreUnderTest(store: MemoryStore(), folder: nil)
    case .encrypted, .encryptedSeaweed:
      let below = try (self == .encrypted ? StoreKind.memory : .seaweedV4).make()
      let ring = try KeyRing(reading: (0..<32).map { $0 }, origin: "the test")
      return StoreUnderTest(store: EncryptedStore(below.store, keys: ring, open: []), folder: below.folder)
    case .directory:
      let folder = try ScratchFolder()
      return StoreUnderTest(store: try DirectoryObjectStore(path: folder.path + "/new/store"), folder: folder)
    default:
      let prefix = "some/\(UUID().uuidString).db"
      return StoreUnderTest(
        store: try S3ObjectStore(settings: settings(), bucket: try bucket(), prefix: prefix), folder: nil)
    }
  }

  /// Returns the bucket that the tests share; SeaweedFS lays out seven files for each.
  func bucket() throws -> String {
    try Self.made.withLock { made in
      let host = try settings().endpoint.host
      if made.insert(host).inserted {
        try S3ObjectStore(settings: settings(), bucket: "contract", prefix: "").createBucket()
      }
      return "contract"
    }
  }
  private static let made = Mutex<Set<String>>([])

  /// Returns the settings of one of the S3 servers.
  func settings(secretKey: String? = nil, caBundle: Bool = true) throws -> S3Settings {
    switch self {
    case .memory, .directory, .encrypted, .encryptedSeaweed: throw ServerError(description: "not an S3 store")
    case .seaweedV4, .seaweedV2:
      return S3Settings(
        accessKey: SeaweedServer.accessKey, secretKey: secretKey ?? SeaweedServer.secretKey,
        endpoint: Endpoint(host: try SeaweedServer.shared().host, isSecure: false),
        signature: self == .seaweedV2 ? .v2 : .v4)
    case .rclone, .rcloneTLS:
      let server = try RcloneServer.shared(tls: self == .rcloneTLS)
      return S3Settings(
        accessKey: RcloneServer.accessKey, secretKey: secretKey ?? RcloneServer.secretKey,
        endpoint: Endpoint(host: server.host, isSecure: self == .rcloneTLS),
        caBundle: caBundle ? server.caBundle : nil)
    }
  }
}

/// A store, and what must live as long as it.
struct StoreUnderTest {
  let store: any ObjectStore
  let folder: ScratchFolder?
}

func key(_ name: String) throws -> ObjectKey { try ObjectKey(name) }

/// Returns the store's error that `body` throws; anything else is an issue.
func thrown<Value>(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) -> ObjectStoreError? {
  do {
    let value = try body()
    Issue.record("nothing was thrown, but \(value) returned", sourceLocation: sourceLocation)
  } catch let error as ObjectStoreError {
    return error
  } catch {
    Issue.record(error, sourceLocation: sourceLocation)
  }
  return nil
}

/// Runs `body` on this number of threads, which all begin at the same moment, and waits for all.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  let gate = Gate(waiting: count)
  for index in 0..<count {
    group.enter()
    Thread {
      gate.pass()
      body(index)
      group.leave()
    }.start()
  }
  group.wait()
}

/// Holds threads back until all of them have arrived.
private final class Gate: Sendable {
  private let waiting: Atomic<Int>
  init(waiting: Int) { self.waiting = Atomic(waiting) }

  func pass() {
    waiting.subtract(1, ordering: .acquiringAndReleasing)
    while waiting.load(ordering: .acquiring) > 0 { sched_yield() }
  }
}
