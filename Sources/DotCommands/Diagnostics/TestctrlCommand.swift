internal import SQLite
internal import Shell

/// `.testctrl`: sets a switch of SQLite for its own tests.
struct TestctrlCommand: DotCommand {
  static let spec = CommandSpec(
    name: "testctrl", shortest: 8, usage: "CMD ...", summary: "Run various sqlite3_test_control() operations",
    details: ["                           Run \".testctrl\" with no arguments for details"],
    isForTests: Dialect.current.hidesUnsafeTests, completions: Request.allCases.map { $0.rawValue })

  private enum Request: String, CaseIterable {
    case always, assert, byteorder
    case extraSchemaChecks = "extra_schema_checks"
    case noForeignKeyAction = "fk_no_action"
    case imposter
    case internalFunctions = "internal_functions"
    case jsonSelfcheck = "json_selfcheck"
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
    case longDouble = "uselongdouble"

    /// Returns the switches of the dialect; some need `-unsafe-testing`.
    static func known(_ session: Session) -> [Request] {
      allCases.filter {
        switch $0 {
        case noForeignKeyAction, jsonSelfcheck: Dialect.current.hasLaterTests
        case longDouble: Dialect.current.hasLongDoubleTest
        default: true
        }
      }.filter { session.settings.allowsUnsafeTests || !$0.isUnsafe }
    }

    var usage: String {
      switch self {
      case .always, .assert, .extraSchemaChecks, .localtimeFault, .neverCorrupt,
        .noForeignKeyAction, .jsonSelfcheck:
        "BOOLEAN"
      case .byteorder, .internalFunctions, .prngRestore, .prngSave, .seekCount: ""
      case .imposter: "SCHEMA ON/OFF ROOTPAGE"
      case .optimizations: "DISABLE-MASK"
      case .pendingByte: "OFFSET  "
      case .prngSeed: "SEED ?db?"
      case .sorterMmap: "NMAX"
      case .tune: "ID VALUE"
      case .longDouble: "?BOOLEAN|\"default\"?"
      }
    }
    /// Whether safe mode forbids it: switches that can corrupt a database or SQLite's assumptions.
    var isUnsafe: Bool {
      switch self {
      case .always, .assert, .imposter, .neverCorrupt, .tune: true
      default: false
      }
    }
    var takesBoolean: Bool { usage == "BOOLEAN" && self != .extraSchemaChecks || self == .longDouble }
    /// Whether further arguments are ignored.
    var takesMore: Bool { self == .jsonSelfcheck }
  }

  private let name: String?
  private let arguments: [String]

  init(parsing words: inout Words) throws(CommandError) {
    // One or two dashes before the name are ignored.
    name = words.optional().map { word in
      guard word.hasPrefix("-"), word.utf8.count > 1 else { return word }
      return String(word.dropFirst(word.hasPrefix("--") && word.utf8.count > 2 ? 2 : 1))
    }
    arguments = words.rest()
  }

  private func found(_ requests: [Request]) -> [Request] {
    guard let name else { return [] }
    return requests.filter { $0.rawValue.hasPrefix(name) }
  }

  func run(in session: Session) throws {
    let connection = try session.connection
    guard let name, name != "help" else {
      session.output.print("Available test-controls:")
      for request in Request.known(session) {
        session.output.print("  .testctrl \(request.rawValue) \(request.usage)")
      }
      throw CommandError.silent
    }
    let found = found(Request.known(session))
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
    let value = choice(for: request, session)
    guard let answer = answer(request, value, connection) else {
      session.output.print("Usage: .testctrl \(name) \(request.usage)")
      throw CommandError.silent
    }
    if let text = answer.first { session.output.print(text) }
  }

  /// Returns the number in the only argument, or in the first one if more are ignored.
  private func choice(for request: Request, _ session: Session) -> Int32 {
    guard let word = arguments.first, request.takesBoolean, arguments.count == 1 || request.takesMore,
      request != .longDouble || word != "default"
    else { return 0 }
    let (value, warning) = Numbers.choice(word)
    if let warning { session.errors.print(warning) }
    return value
  }

  /// Returns the lines to print; nil if the arguments are wrong, empty if there is nothing to
  /// print.
  private func answer(_ request: Request, _ value: Int32, _ connection: Connection) -> [String]? {
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
    case (.noForeignKeyAction, 1): connection.setForeignKeyAction(off: value != 0)
    case (.jsonSelfcheck, 0): return ["\(Connection.jsonSelfcheck)"]
    case (.jsonSelfcheck, _): Connection.setJSONSelfcheck(value)
    case (.longDouble, 1):
      return ["\(Connection.useLongDouble(arguments[0] == "default" ? 2 : value != 0 ? 1 : 0))"]
    case (.longDouble, _): return ["\(Connection.useLongDouble(-1))"]
    case (.sorterMmap, 1): connection.setSorterMap(number(0))
    default: return nil
    }
    return []
  }
}
