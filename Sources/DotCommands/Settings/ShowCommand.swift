internal import Render
internal import Shell

/// `.show`: prints the current settings.
struct ShowCommand: DotCommand {
  static let spec = CommandSpec(
    name: "show", shortest: 3, summary: "Show the current values for various settings")
  init(parsing words: inout Words) throws(CommandError) { try words.finish() }
  func run(in session: Session) {
    let (options, settings, output) = (session.output.options, session.settings, session.output)
    var mode = options.mode.rawValue
    if options.mode.isColumnar {
      let style = options.style
      mode +=
        " --wrap \(style.wrap) --wordwrap \(style.wordWrap ? "on" : "off") --\(style.quote ? "" : "no")quote"
    }
    let stats =
      switch settings.stats {
      case .off: "off"
      case .statement: "stmt"
      case .steps: "vmstep"
      default: "on"
      }
    show("echo", settings.echo ? "on" : "off", output)
    show("eqp", settings.queryPlan.name, output)
    show("explain", options.mode == .explain ? "on" : settings.explain == .automatic ? "auto" : "off", output)
    show("headers", options.headers ? "on" : "off", output)
    show("mode", mode, output)
    show("nullvalue", quoted(options.nullValue), output)
    show("output", output.targetName, output)
    show("colseparator", quoted(options.columnSeparator), output)
    show("rowseparator", quoted(options.rowSeparator), output)
    show("stats", stats, output)
    show("width", options.widths.map { "\($0) " }.joined(), output)
    show("filename", session.database.name ?? "", output)
  }
  private func quoted(_ text: [UInt8]) -> String {
    "\"" + String(decoding: Escapes.literal(text), as: UTF8.self) + "\""
  }
  private func show(_ name: String, _ value: String, _ output: OutputState) {
    output.print(String(repeating: " ", count: 12 - name.utf8.count) + "\(name): \(value)")
  }
}
