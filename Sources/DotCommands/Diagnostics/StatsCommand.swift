internal import Shell

/// `.stats`: chooses the counters that are printed after each statement.
struct StatsCommand: DotCommand {
  static let spec = CommandSpec(
    name: "stats", shortest: 2, usage: "?ARG?", summary: "Show stats or turn stats on or off",
    details: [
      "   off                      Turn off automatic stat display",
      "   on                       Turn on automatic stat display",
      "   stmt                     Show statement stats",
      "   vmstep                   Show the virtual machine step count only",
    ], correction: ".stats ?on|off|stmt|vmstep?")
  private let choice: Settings.Stats?
  init(parsing words: inout Words) throws(CommandError) {
    guard let word = words.optional() else {
      choice = nil
      return
    }
    try words.finish()
    switch word {
    case "stmt": choice = .statement
    case "vmstep": choice = .steps
    default: choice = Settings.Stats(rawValue: words.choice(from: word))
    }
  }
  func run(in session: Session) {
    if let choice { session.settings.stats = choice } else { session.printStatistics(of: nil) }
  }
}
