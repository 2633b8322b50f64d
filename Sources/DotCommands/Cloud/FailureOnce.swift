/// Prints the reason why a mirror ended only once in full.
///
/// The same reason comes from the mirror's notice, from commands, from commits in `sync`, and at
/// the end of the program.
struct FailureOnce {
  private var printed: Set<String> = []
  /// The beginning of the notice of a mirror that has ended.
  private static let mark = "mirror off: "

  /// Returns a message with its reason the first time, and with "see above" after that.
  mutating func text(of message: String, because reason: String?) -> String {
    guard let reason, let range = message.firstRange(of: reason) else { return message }
    guard !printed.insert(reason).inserted else { return message }
    let rest = message[..<range.lowerBound] + "see above" + message[range.upperBound...]
    return rest == "Error: see above" ? "Error: the mirror is off: see above" : String(rest)
  }

  /// Returns the reason why a mirror has ended, from its notices; nil if none has it.
  static func reason(in notices: [String]) -> String? {
    notices.first { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
  }

  /// Returns the notices that are new.
  mutating func news(_ notices: [String], because reason: String?) -> [String] {
    notices.filter { notice in
      guard let reason, notice == Self.mark + reason else { return true }
      return printed.insert(reason).inserted
    }
  }
}
