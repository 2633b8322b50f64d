internal import Shell

/// Lists, chooses and closes auxiliary connections.
struct ConnectionCommand: DotCommand {
  static let spec = CommandSpec(
    name: "connection", shortest: 2, usage: "[close] [#]", summary: "Open or close an auxiliary database connection",
    correction: ".connection [close] [CONNECTION-NUMBER]")
  private enum Act { case list, select(Int), close(Int) }
  private let act: Act
  init(parsing words: inout Words) throws(CommandError) {
    guard let first = words.optional() else {
      act = .list
      return
    }
    let isClose = first == "close"
    let digit = isClose ? try words.required() : first
    try words.finish()
    guard digit.utf8.count == 1, let index = Int(digit), index < DatabaseSlot.most else { throw .usage }
    act = isClose ? .close(index) : .select(index)
  }
  func run(in session: Session) throws {
    let database = session.database
    switch act {
    case .list:
      for (index, name) in database.names.enumerated() where name != nil || index == database.current {
        let shown =
          switch name ?? "" {
          case "" where name == nil: "(not open)"
          case "": "(memory)"
          case let name: name
          }
        let mark = index == database.current ? "ACTIVE" : "      "
        session.output.print("\(mark) \(index): \(shown)")
      }
    case .select(let index):
      if index != database.current { database.select(index) }
      _ = try session.connection
    case .close(let index):
      guard index != database.current else {
        throw CommandError.message("cannot close the active database connection")
      }
      database.forget(index)
    }
  }
}

