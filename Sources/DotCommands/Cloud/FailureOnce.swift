/// Prints the reason why a mirror ended in full only once.
///
/// The same reason comes from the mirror's notice, from commands that ask for it, from commits in `sync` and at the end of the
/// program.
struct FailureOnce {
  private var printed: Set<String> = []
  /// How the notice of a mirror that has ended begins.
  private static let mark = "mirror off: "

  /// Returns a message as it is to be printed: with its reason the first time, and "see above" instead of it after that.
  mutating func text(of message: String, because reason: String?) -> String {
    guard let reason, let range = message.firstRange(of: reason) else { return message }
    guard !printed.insert(reason).inserted else { return message }
    let rest = message[..<range.lowerBound] + "see above" + message[range.upperBound...]
    return rest == "Error: see above" ? "Error: the mirror is off: see above" : String(rest)
  }

  /// Why a mirror has ended, as one of its notices says; nil if none does.
  static func reason(in notices: [String]) -> String? {
    notices.first { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
  }

  /// The notices that say something new.
  mutating func news(_ notices: [String], because reason: String?) -> [String] {
    notices.filter { notice in
      guard let reason, notice == Self.mark + reason else { return true }
      return printed.insert(reason).inserted
    }
  }
}
