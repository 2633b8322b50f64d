import Files
import ReplicaFormat
import Restore
import Shell

/// Parses moments in the words of a command.
enum MomentWords {
  private static var clock: Moment.Clock {
    Moment.Clock(now: Clock.wallMicroseconds, zone: Clock.zone)
  }

  /// Parses one word; quotes may have joined several words into it.
  static func moment(_ text: String) throws(CommandError) -> Moment {
    guard let moment = Moment(text, clock) else {
      throw .message("Error: not a moment: \(text): write \(Moment.forms)")
    }
    return moment
  }

  /// Removes the longest moment at the beginning of the words and returns it; nil if there is none.
  static func take(_ words: inout ArraySlice<String>) -> Moment? {
    for count in stride(from: min(3, words.count), to: 0, by: -1) {
      if let moment = Moment(words.prefix(count).joined(separator: " "), clock) {
        words = words.dropFirst(count)
        return moment
      }
    }
    return nil
  }
}

extension RestoreTarget {
  init(_ moment: Moment) {
    self.init()
    take(moment)
  }

  mutating func take(_ moment: Moment) {
    switch moment {
    case .transaction(let number): transaction = number
    case .time(let time): self.time = time
    case .last: break
    case .beforeLast: isBeforeLast = true
    }
  }
}
