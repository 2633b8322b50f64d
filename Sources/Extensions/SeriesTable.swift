internal import SQLite

/// `generate_series(START,STOP,STEP)` (https://www.sqlite.org/series.html).
final class SeriesTable: VirtualTable {
  override class var declaration: String { "CREATE TABLE x(value,start hidden,stop hidden,step hidden)" }
  override class var trust: Trust { .innocuous }

  /// The bits of a plan's number.
  struct Plan: OptionSet {
    let rawValue: Int32
    static let start = Plan(rawValue: 1)
    static let stop = Plan(rawValue: 2)
    static let step = Plan(rawValue: 4)
    static let descending = Plan(rawValue: 8)
    static let ascending = Plan(rawValue: 16)
  }

  override func plan(_ plan: borrowing QueryPlan) throws(VirtualTableError) {
    var known: Plan = []
    var places = (start: -1, stop: -1, step: -1)
    var unusable: Plan = []
    var namesStart = false
    for index in 0..<plan.constraintCount {
      let constraint = plan.constraint(index)
      guard constraint.column >= 1 else { continue }
      if constraint.column == 1, constraint.isEquality || !Dialect.current.seriesCountDown {
        namesStart = true
      }
      let argument = Plan(rawValue: 1 << Int32(constraint.column - 1))
      if !constraint.isUsable {
        unusable.insert(argument)
      } else if constraint.isEquality {
        known.insert(argument)
        switch constraint.column {
        case 1: places.start = index
        case 2: places.stop = index
        default: places.step = index
        }
      }
    }
    guard namesStart else {
      throw VirtualTableError("first argument to \"generate_series()\" missing or unusable")
    }
    // Another order of the tables may make the arguments usable.
    guard unusable.isSubset(of: known) else { throw VirtualTableError(.constraint) }
    var position = 0
    for index in [places.start, places.stop, places.step] where index >= 0 {
      plan.use(index, asArgument: position, isTrusted: true)
      position += 1
    }
    if known.isSuperset(of: [.start, .stop]) {
      plan.setCost(known.contains(.step) ? 1 : 2)
      plan.setRows(1000)
      if let order = plan.firstOrder, order.column == 0 {
        known.insert(order.isDescending ? .descending : .ascending)
        plan.promiseOrder()
      }
    } else {
      plan.setRows(2_147_483_647)
    }
    plan.setNumber(known.rawValue)
  }

  override func makeCursor() -> VirtualTableCursor { SeriesCursor() }
}

/// A cursor over a series; never beyond the range of integers.
private final class SeriesCursor: VirtualTableCursor {
  /// Counts from `start`, up or down; in the other direction if that order is wanted.
  private static func run(
    from start: Int64, to stop: Int64, _ step: Int64, _ plan: SeriesTable.Plan, isEmpty: Bool
  ) -> IntegerRun {
    let isDown = step < 0
    let isBackwards = plan.contains(isDown ? .ascending : .descending)
    let hasRows = !isEmpty && (isDown ? start >= stop : start <= stop)
    let length = UInt64(bitPattern: isDown ? start &- stop : stop &- start)
    let rows = length / step.magnitude
    let last = start &+ Int64(bitPattern: rows) &* step
    return IntegerRun(
      from: isBackwards ? last : start, step: isBackwards ? 0 &- step : step, rowsAfter: hasRows ? rows : nil,
      constants: (start, stop, step), isBackwards: isBackwards)
  }

  override func begin(plan number: Int32, _ arguments: Arguments) throws(VirtualTableError) {
    var plan = SeriesTable.Plan(rawValue: number)
    var position = 0
    var hasNull = false
    func argument(_ which: SeriesTable.Plan, or other: Int64) -> Int64 {
      guard plan.contains(which) else { return other }
      defer { position += 1 }
      if arguments[position].isNull { hasNull = true }
      return arguments[position].integer
    }
    var start = argument(.start, or: 0)
    var stop = argument(.stop, or: 0xffff_ffff)
    var step = argument(.step, or: 1)
    if Dialect.current.seriesCountDown {
      run = Self.run(from: start, to: stop, step == 0 ? 1 : step, plan, isEmpty: hasNull)
      return
    }
    if step == 0 {
      step = 1
    } else if step < 0 {
      step = 0 &- step
      if !plan.contains(.ascending) { plan.insert(.descending) }
    }
    if hasNull {
      start = 1
      stop = 0
    }
    let isDescending = plan.contains(.descending)
    // A step of -2^63 becomes 2^63, which has no sign.
    let size = UInt64(bitPattern: step)
    let length = UInt64(bitPattern: stop &- start)
    var first = start
    var rowsAfter: UInt64? = start > stop ? nil : length / size
    if isDescending {
      first = stop
      if start <= stop {
        if step > 0 { first = stop &- Int64(bitPattern: length % size) }
      } else if step > 0, UInt64(bitPattern: start &- stop) < size {
        // As in sqlite3: backwards, a series that ends less than a step before its start has that
        // one row.
        first = start
        rowsAfter = 0
      }
    }
    run = IntegerRun(
      from: first, step: isDescending ? 0 &- step : step, rowsAfter: rowsAfter, constants: (start, stop, step)
    )
  }
}
