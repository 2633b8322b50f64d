internal import Shell

/// `.connection`: lists, chooses and closes auxiliary connections.
struct ConnectionCommand: DotCommand {
  static let spec = CommandSpec(
    name: "connection", shortest: 2, usage: "[close] [#]",
    summary: "Open or close an auxiliary database connection",
    correction: ".connection [close] [CONNECTION-NUMBER]", completions: ["close"])
  private enum Act { case nothing, list, select(Int), close(Int) }
  private let act: Act
  init(parsing words: inout Words) throws(CommandError) {
    guard let first = words.optional() else {
      act = .list
      return
    }
    let isClose = first == "close"
    let digit = isClose ? try words.required() : first
    try words.finish()
    guard digit.utf8.count == 1, let index = Int(digit) else { throw .usage }
    guard index < DatabaseSlot.most else {
      act = .nothing
      return
    }
    act = isClose ? .close(index) : .select(index)
  }
  func run(in session: Session) throws {
    let database = session.database
    switch act {
    case .nothing: break
    case .list:
      for index in 0..<DatabaseSlot.most where database.isOpen(index) || index == database.current {
        let name = database.names[index]
        let shown = name == "" ? "(temporary-file)" : name ?? "(memory)"
        let mark = index == database.current ? "ACTIVE" : "      "
        session.output.printToStandardOutput("\(mark) \(index): \(shown)")
      }
    case .select(let index):
      // It is opened when it is first needed, as at the start.
      if index != database.current { database.select(index) }
    case .close(let index):
      guard index != database.current else {
        throw CommandError.message("cannot close the active database connection")
      }
      database.close(index)
    }
  }
}
