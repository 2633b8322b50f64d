/// The name of an LTX file in a replica of Litestream 0.5: `LEVEL/FIRST-LAST.ltx`, transactions in
/// 16 hexadecimal digits.
///
/// A level is `ltx/9` in a directory and `0009` in S3.
package struct LTXName: Hashable, Sendable {
  /// How a replica names its levels.
  package enum Layout: CaseIterable, Sendable {
    case directory
    case s3
  }

  /// The level: 0 for captured transactions, 1 to 8 for merged files of the level below, 9 for
  /// whole databases.
  package let level: Int
  package let transactions: ClosedRange<UInt64>
  package let layout: Layout

  package static let snapshotLevel = 9
  /// The highest transaction number, so that sums do not overflow.
  static let lastTransaction: UInt64 = 1 << 62

  package init(level: Int, transactions: ClosedRange<UInt64>, layout: Layout) {
    self.level = level
    self.transactions = transactions
    self.layout = layout
  }

  /// Reads a key; nil if it is not that of an LTX file.
  package init?(key: String) {
    var parts = key.split(separator: "/", omittingEmptySubsequences: false)[...]
    let file = parts.popLast() ?? ""
    switch parts.count {
    case 2 where parts.first == "ltx":
      guard let number = parts.last.flatMap({ Int($0) }), String(number) == parts.last ?? "" else {
        return nil
      }
      (level, layout) = (number, .directory)
    case 1:
      guard let number = Self.hexadecimal(parts.first ?? "", digits: 4) else { return nil }
      (level, layout) = (Int(number), .s3)
    default: return nil
    }
    guard (0...Self.snapshotLevel).contains(level), file.utf8.count == 37, file.hasSuffix(".ltx"),
      file.dropFirst(16).first == "-", let first = Self.hexadecimal(file.prefix(16), digits: 16),
      let last = Self.hexadecimal(file.dropFirst(17).prefix(16), digits: 16), first > 0, first <= last,
      last <= Self.lastTransaction
    else { return nil }
    transactions = first...last
  }

  package var key: String {
    let folder = layout == .directory ? "ltx/\(level)" : Self.text(UInt64(level), digits: 4)
    return "\(folder)/\(Self.text(transactions.lowerBound))-\(Self.text(transactions.upperBound)).ltx"
  }

  private static func hexadecimal(_ text: Substring, digits: Int) -> UInt64? {
    guard text.utf8.count == digits, !text.hasPrefix("+"), !text.hasPrefix("-") else { return nil }
    return UInt64(text, radix: 16)
  }

  private static func text(_ value: UInt64, digits: Int = 16) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
  }
}
