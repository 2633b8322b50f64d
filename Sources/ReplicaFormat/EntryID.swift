internal import Bytes

/// The identifier of one entry of a replica's log: 64 random bits, chosen when the entry is built.
///
/// An entry's name holds the identifier of its predecessor, and its content holds its own. So only
/// a writer that has read the predecessor knows the name.
package struct EntryID: Hashable, Sendable, CustomStringConvertible {
  package let value: UInt64

  package init(_ value: UInt64) { self.value = value }

  /// The identifier if there is no predecessor: before the first entry of a replica's first
  /// generation.
  package static let none = EntryID(0)

  /// Makes a new identifier from the system's random source.
  package static func draw() -> EntryID { EntryID(.random(in: 1...UInt64.max)) }

  /// 16 hexadecimal digits.
  package var description: String { Hex.fixed(value) }

  /// Reads what `description` writes.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 16, let value = Hex.number(text, of: UInt64.self) else { return nil }
    self.init(value)
  }
}
