package import ObjectStore

extension DirectoryObjectStore: DetailedStore {
  package var details: [StoreDetail] { [StoreDetail("directory", root)] }

  /// A directory has no other clock than the local one.
  package var clockAhead: Int? { nil }

  package func permission(for operation: String) -> String { "read, write and search permission on \(root)" }
}
