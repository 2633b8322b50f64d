// swift-tools-version: 6.0
import PackageDescription

// Settings that every Swift target shares. The package is written for Swift 6.0, the version of
// Debian 13. If the compiler is newer, features that only it knows are switched on.
let strict: [SwiftSetting] = {
  let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .unsafeFlags(["-warnings-as-errors"]),
    // Overlapping accesses that only a run can find are looked for in debug builds, and so in every test.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  ]
  #if compiler(>=6.1)
    return settings + [.enableUpcomingFeature("MemberImportVisibility")]
  #else
    return settings
  #endif
}()

// Only the targets built with `strict` alone may hold a pointer; all others are checked.
let safe: [SwiftSetting] = {
  #if compiler(>=6.2)
    return strict + [.unsafeFlags(["-strict-memory-safety"])]
  #else
    return strict
  #endif
}()

// libs3's calls into libcurl must reach the two functions of CS3, so the executable exports them.
let exportsCurlBoundary: [LinkerSetting] = [
  .unsafeFlags([
    "-Xlinker", "--export-dynamic-symbol=curl_easy_setopt",
    "-Xlinker", "--export-dynamic-symbol=curl_easy_perform",
  ])
]

// Nothing else need be found in the program: a static Swift library would have it export 3000 symbols, which Swift's
// start searches one by one.
let exportsNothing: [LinkerSetting] = [
  .unsafeFlags(["-Xlinker", "--no-export-dynamic"], .when(configuration: .release))
]

func unsafeTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func safeTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: safe)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
  linkerSettings: [LinkerSetting] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude,
    swiftSettings: strict, linkerSettings: linkerSettings)
}

let package = Package(
  name: "sqlite3-cloud-s3",
  products: [.executable(name: "sqlite3-cloud-s3", targets: ["sqlite3-cloud-s3"])],
  targets: [
    // 0: the C libraries
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CReadline", providers: [.apt(["libreadline-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CNettle", providers: [.apt(["nettle-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CXXHash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CFiles"),
    .target(name: "CKernels"),
    .target(name: "CSQLiteFiles", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "CS3", linkerSettings: [.linkedLibrary("dl")] + exportsCurlBoundary),

    // 1: one outside thing each, or pure values
    unsafeTarget("Bytes", ["CXXHash", "CKernels"]),
    unsafeTarget("Files", ["CFiles", "Bytes"]),
    unsafeTarget("Compression", ["Bytes", "CZstd", "CLZ4"]),
    unsafeTarget("Digest", ["CNettle"]),
    unsafeTarget("SQLite", ["CSQLite", "CSQLiteFiles", "Bytes"]),
    unsafeTarget("LineReader", ["CReadline", "Files"]),
    safeTarget("WALFormat", ["Bytes"]),
    safeTarget("ObjectStore", []),

    // 2
    // Borrows the bytes of SQL values without copying them, and speaks to the file system.
    unsafeTarget("Extensions", ["Recovery", "SQLite", "Bytes", "Digest", "Files", "CZlib"]),
    safeTarget("Encryption", ["ObjectStore", "Digest"]),
    safeTarget("Recovery", ["SQLite", "Files", "Bytes"]),
    safeTarget("IndexAdvice", ["SQLite", "Bytes"]),
    safeTarget("Render", ["SQLite", "Bytes"]),
    safeTarget("ReplicaFormat", ["WALFormat", "Bytes", "Compression", "Digest"]),
    safeTarget("Interchange", ["Bytes", "Compression"]),
    safeTarget("DirectoryObjectStore", ["ObjectStore", "Files"]),
    safeTarget("ReplicaCatalog", ["ReplicaFormat", "ObjectStore"]),
    unsafeTarget("S3ObjectStore", ["CS3", "ObjectStore", "Digest"]),

    // 3
    safeTarget("Shell", ["Extensions", "SQLite", "Render", "Files", "Bytes"]),
    safeTarget(
      "Replicator",
      [
        "SQLite", "Files", "Bytes", "Digest", "Compression", "WALFormat", "ReplicaFormat",
        "ReplicaCatalog", "ObjectStore",
      ]),
    safeTarget(
      "Replica",
      [
        "Files", "Bytes", "Digest", "Compression", "WALFormat", "ReplicaFormat", "ReplicaCatalog",
        "ObjectStore",
      ]),
    safeTarget(
      "Restore",
      [
        "Extensions", "SQLite", "Files", "Bytes", "Digest", "Compression", "WALFormat", "ReplicaFormat",
        "ReplicaCatalog", "ObjectStore", "Interchange", "Replica",
      ]),

    safeTarget(
      "History",
      [
        "Extensions", "SQLite", "Bytes", "ObjectStore", "ReplicaFormat", "ReplicaCatalog", "Replica",
        "Restore",
      ]),

    // Knows no shell and no terminal.
    safeTarget("Service", ["Replicator", "ObjectStore", "ReplicaFormat", "SQLite", "Files", "Bytes"]),

    // 4
    safeTarget(
      "DotCommands",
      [
        "Shell", "Extensions", "Recovery", "IndexAdvice", "SQLite", "Render", "Files", "Bytes", "Replicator",
        "Restore", "Replica", "History", "ReplicaCatalog", "ReplicaFormat", "ObjectStore", "Encryption",
      ]),

    // 5
    .executableTarget(
      name: "sqlite3-cloud-s3",
      dependencies: [
        "Shell", "DotCommands", "Replicator", "Service", "Restore", "ObjectStore", "S3ObjectStore",
        "ReplicaFormat", "DirectoryObjectStore", "LineReader", "SQLite", "Files", "Bytes",
      ],
      swiftSettings: safe, linkerSettings: exportsNothing + exportsCurlBoundary),

    // tests
    .target(
      name: "TestSupport", dependencies: ["SQLite", "Files", "ObjectStore", "Digest"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "ParserTargets",
      dependencies: [
        "Bytes", "CS3", "Compression", "Encryption", "Interchange", "ObjectStore", "Replica", "ReplicaFormat",
        "S3ObjectStore", "WALFormat",
      ],
      path: "Tests/ParserTargets", swiftSettings: safe),
    tests("BytesTests", ["Bytes"]),
    tests("FilesTests", ["Files", "Compression", "Digest"]),
    tests("SQLiteTests", ["SQLite", "CSQLite", "CSQLiteFiles"]),
    tests("LineReaderTests", ["LineReader"]),
    tests("WALFormatTests", ["WALFormat", "Bytes", "SQLite", "Files"]),
    tests(
      "ReplicaFormatTests",
      [
        "ReplicaFormat", "WALFormat", "Bytes", "Compression", "Digest", "Encryption", "SQLite",
        "ParserTargets",
      ], linkerSettings: exportsCurlBoundary),
    tests("InterchangeTests", ["Interchange", "Bytes", "Compression"]),
    tests(
      "ObjectStoreTests",
      ["ObjectStore", "DirectoryObjectStore", "S3ObjectStore", "Encryption", "Digest", "CS3"],
      linkerSettings: exportsCurlBoundary),
    tests("EncryptionTests", ["Encryption", "Digest", "ObjectStore", "DirectoryObjectStore"]),
    tests("RenderTests", ["Render", "SQLite", "Bytes"]),
    tests("ShellTests", ["Shell", "SQLite", "Render", "Bytes"]),
    tests(
      "DotCommandsTests", ["DotCommands", "Shell", "SQLite", "ReplicaFormat", "Encryption"],
      exclude: ["Golden"]),
    tests(
      "ReplicatorTests",
      [
        "Replicator", "Replica", "History", "Restore", "Extensions", "SQLite", "Files", "Bytes", "WALFormat",
        "ReplicaFormat", "ReplicaCatalog", "ObjectStore", "DirectoryObjectStore", "Encryption", "Compression",
      ]),
    tests(
      "ServiceTests", ["Service", "Replicator", "ObjectStore", "DirectoryObjectStore", "SQLite", "Files"]),
    tests(
      "SimulationTests",
      [
        "Replicator", "Restore", "Files", "Bytes", "Digest", "Compression", "WALFormat", "ReplicaFormat",
        "ReplicaCatalog", "ObjectStore",
      ]),
    tests("EndToEndTests", ["ObjectStore", "ReplicaFormat", "Bytes", "Compression", "WALFormat"]),
  ]
)

// libFuzzer over the parsers of outside bytes; Tests/Fuzz/parsers.sh builds it.
if Context.environment["SQLITE3_CLOUD_S3_LIBFUZZER"] != nil {
  package.targets.append(
    .executableTarget(
      name: "parser-fuzzer", dependencies: ["ParserTargets"], path: "Tests/Fuzz/Parsers",
      exclude: ["Corpus"], swiftSettings: strict,
      linkerSettings: [.linkedLibrary("stdc++")] + exportsCurlBoundary))
}
