internal import Shell

/// `.eqp`: prints the query plan of each statement before it runs.
struct EqpCommand: DotCommand {
  static let spec = CommandSpec(
    name: "eqp", shortest: 2, usage: "on|off|full|...",
    summary: "Enable or disable automatic EXPLAIN QUERY PLAN",
    details: ["   Other Modes:", "      trigger               Like \"full\" but also show trigger bytecode"],
    correction: ".eqp off|on|trace|trigger|full")
  private let plan: Settings.QueryPlan
  init(parsing words: inout Words) throws(CommandError) {
    let word = try words.required()
    try words.finish()
    switch word {
    case "full": plan = .full
    case "trigger": plan = .trigger
    default: plan = Settings.QueryPlan(rawValue: words.choice(from: word))
    }
  }
  func run(in session: Session) { session.settings.queryPlan = plan }
}
