package import ObjectStore

extension DirectoryObjectStore: DetailedStore {
  package var details: [StoreDetail] { [StoreDetail("directory", root)] }

  /// It has no clock but ours.
  package var clockAhead: Int? { nil }

  package func permission(for operation: String) -> String { "read, write and search permission on \(root)" }
}
