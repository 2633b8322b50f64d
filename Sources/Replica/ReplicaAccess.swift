/// How a page reader gets at the objects of a replica.
///
/// The calls may come from several threads at once. They try again what may only have been bad luck.
package struct ReplicaAccess: Sendable {
  /// The replica's URL, which names the replica in the cache.
  package let url: String
  /// Whether the objects are encrypted in the store, so that nothing of them is kept on the disk.
  package let isEncrypted: Bool
  /// Reads an object, or the bytes of it that a range names.
  ///
  /// Throws a `FormatError` with `isMissing` if there is no such object.
  package let read: @Sendable (_ name: String, _ range: Range<Int>?) throws -> [UInt8]
  /// Throws after Ctrl-C.
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
