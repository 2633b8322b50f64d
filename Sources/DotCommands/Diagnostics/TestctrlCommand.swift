internal import SQLite
internal import Shell

/// Turns a switch inside SQLite that its own tests turn.
struct TestctrlCommand: DotCommand {
  static let spec = CommandSpec(
    name: "testctrl", shortest: 8, usage: "CMD ...", summary: "Run various sqlite3_test_control() operations",
    details: ["                           Run \".testctrl\" with no arguments for details"],
    completions: Request.allCases.map { $0.rawValue })

  private enum Request: String, CaseIterable {
    case always, assert, byteorder
    case extraSchemaChecks = "extra_schema_checks"
    case imposter
    case internalFunctions = "internal_functions"
    case localtimeFault = "localtime_fault"
    case neverCorrupt = "never_corrupt"
    case optimizations
    case pendingByte = "pending_byte"
    case prngRestore = "prng_restore"
    case prngSave = "prng_save"
    case prngSeed = "prng_seed"
    case seekCount = "seek_count"
    case sorterMmap = "sorter_mmap"
    case tune

    var usage: String {
      switch self {
      case .always, .assert, .extraSchemaChecks, .localtimeFault, .neverCorrupt: "BOOLEAN"
      case .byteorder, .internalFunctions, .prngRestore, .prngSave, .seekCount: ""
      case .imposter: "SCHEMA ON/OFF ROOTPAGE"
      case .optimizations: "DISABLE-MASK"
      case .pendingByte: "OFFSET  "
      case .prngSeed: "SEED ?db?"
      case .sorterMmap: "NMAX"
      case .tune: "ID VALUE"
      }
    }
    /// Whether safe mode forbids it: those that can corrupt a database or what SQLite holds for true.
    var isUnsafe: Bool {
      switch self {
      case .always, .assert, .imposter, .neverCorrupt, .tune: true
      default: false
      }
    }
    var takesBoolean: Bool { usage == "BOOLEAN" && self != .extraSchemaChecks }
  }

  private let name: String?
  private let arguments: [String]
  private var value: Int32 = 0

  init(parsing words: inout Words) throws(CommandError) {
    // One dash or two before the name are passed over.
    name = words.optional().map { word in
      guard word.hasPrefix("-"), word.utf8.count > 1 else { return word }
      return String(word.dropFirst(word.hasPrefix("--") && word.utf8.count > 2 ? 2 : 1))
    }
    arguments = words.rest()
    let found = found
    if arguments.count == 1, found.count == 1, found[0].takesBoolean {
      value = words.choice(from: arguments[0])
    }
  }

  private var found: [Request] {
    guard let name else { return [] }
    return Request.allCases.filter { $0.rawValue.hasPrefix(name) }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    guard let name, name != "help" else {
      session.output.print("Available test-controls:")
      for request in Request.allCases {
        session.output.print("  .testctrl \(request.rawValue) \(request.usage)")
      }
      throw CommandError.silent
    }
    let found = found
    guard let request = found.first else {
      session.errors.print("Error: unknown test-control: \(name)\nUse \".testctrl --help\" for help")
      return
    }
    guard found.count == 1 else {
      throw CommandError.message(
        "Error: ambiguous test-control: \"\(name)\"\nUse \".testctrl --help\" for help")
    }
    if request.isUnsafe {
      try session.requireUnsafe("\".testctrl \(request.rawValue)\" may not be used in safe mode")
    }
    guard let answer = answer(request, connection) else {
      session.output.print("Usage: .testctrl \(name) \(request.usage)")
      throw CommandError.silent
    }
    if let text = answer.first { session.output.print(text) }
  }

  /// Nil where the arguments do not fit; empty where there is nothing to show.
  private func answer(_ request: Request, _ connection: Connection) -> [String]? {
    func number(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: Numbers.integer(arguments[index])) }
    switch (request, arguments.count) {
    case (.always, 1): return ["\(Connection.test(.always, value))"]
    case (.assert, 1): return ["\(Connection.test(.assert, value))"]
    case (.byteorder, 0): return ["\(Connection.byteOrder)"]
    case (.imposter, 3): connection.setImposter(arguments[0], number(1), page: number(2))
    case (.internalFunctions, _): connection.toggleInternalFunctions()
    case (.localtimeFault, 1): _ = Connection.test(.localTimeFault, value)
    case (.neverCorrupt, 1): _ = Connection.test(.neverCorrupt, value)
    case (.optimizations, 1): connection.disableOptimizations(number(0))
    case (.pendingByte, 1): _ = Connection.test(.pendingByte, number(0))
    case (.prngRestore, 0): Connection.restoreRandomState()
    case (.prngSave, 0): Connection.saveRandomState()
    case (.prngSeed, 1...2):
      var seed = number(0)
      let isChosen = arguments[0] == "random"
      if isChosen { seed = .random(in: .min ... .max) }
      connection.seedRandom(seed, withSchema: arguments.count == 2)
      return isChosen ? ["-- random seed: \(seed)"] : []
    case (.seekCount, _): return ["\(connection.seekCount)"]
    case (.sorterMmap, 1): connection.setSorterMap(number(0))
    default: return nil
    }
    return []
  }
}
