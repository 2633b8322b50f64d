package import Render
internal import SQLite

/// Switches of a session that belong to no other part.
package struct Settings {
  package var echo = false
  package var bail = false
  /// Whether `-batch` has no effect any more.
  var staysInteractive = false
  package var showChanges = false
  package var timer = false
  /// Whether `timer` is only for the next input.
  package var timesOnce = false
  package var scanStatus = false
  package var stats = Stats.off
  package var queryPlan = QueryPlan.off
  package var explain = Explain.automatic
  /// Whether escapes of C are replaced in SQL.
  package var backslash = false
  /// Whether safe mode is on, and whether it is turned on again after one command.
  package var isSafe = false { didSet { if isSafe { safeModeReturns = true } } }
  package var safeModeReturns = false
  /// Set by `.nonce`: the end of that command does not turn safe mode on again.
  package var skipsSafeModeReturn = false
  /// The statement's act that safe mode forbids.
  package var violation: String?
  /// Whether features for SQLite's own tests are available: always in dialects before
  /// `-unsafe-testing`.
  package var allowsUnsafeTests = !Dialect.current.hidesUnsafeTests
  /// The word that suspends safe mode.
  package var nonce: String?
  /// The name of the test that `.testcase` began.
  package var testName = "?"
  package var progress = Progress()
  package var trace = Trace()

  /// The mode to restore when `.explain` is turned off.
  package var modeBeforeExplain = OutputMode.list

  /// What `.stats` shows after each statement.
  ///
  /// Other numbers act as `on`.
  package struct Stats: RawRepresentable, Equatable, Sendable {
    package static let off = Stats(rawValue: 0)
    package static let on = Stats(rawValue: 1)
    package static let statement = Stats(rawValue: 2)
    package static let steps = Stats(rawValue: 3)
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
  }

  /// What `.eqp` shows before each statement.
  ///
  /// Other numbers act as `full`.
  package struct QueryPlan: RawRepresentable, Comparable, Sendable {
    package static let off = QueryPlan(rawValue: 0)
    package static let on = QueryPlan(rawValue: 1)
    package static let trigger = QueryPlan(rawValue: 2)
    package static let full = QueryPlan(rawValue: 3)
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }

    /// The name in `.show`.
    package var name: String { ["off", "on", "trigger", "full"][Int(rawValue & 3)] }
  }

  /// Whether `EXPLAIN` is shown as a table: never, always, or for `EXPLAIN` statements.
  package enum Explain: String, Sendable { case off, on, automatic = "auto" }

  /// The destination of `.trace`, and its form.
  package struct Trace {
    package var write: ((String) -> Void)?
    package var expands = false
  }

  /// The progress handler that `.progress` set.
  package struct Progress: Sendable {
    package init() {}

    package var limit = 0
    package var count = 0
    package var isQuiet = false
    package var isOnce = false
    package var resets = false
  }
}
