/// Gives a page reader access to the objects of a replica.
///
/// The calls may come from several threads at once. They repeat transient failures.
package struct ReplicaAccess: Sendable {
  /// The replica's URL, which identifies the replica in the cache.
  package let url: String
  /// Whether the objects are encrypted in the store; if so, none of them is cached on the disk.
  package let isEncrypted: Bool
  /// Reads a whole object, or a range of its bytes.
  ///
  /// Throws a `FormatError` with `isMissing` if there is no such object.
  package let read: @Sendable (_ name: String, _ range: Range<Int>?) throws -> [UInt8]
  /// Throws if the user has pressed Ctrl-C.
  package let checkInterrupt: @Sendable () throws -> Void

  package init(
    url: String, isEncrypted: Bool,
    read: @escaping @Sendable (_ name: String, _ range: Range<Int>?) throws -> [UInt8],
    checkInterrupt: @escaping @Sendable () throws -> Void
  ) {
    self.url = url
    self.isEncrypted = isEncrypted
    self.read = read
    self.checkInterrupt = checkInterrupt
  }
}
