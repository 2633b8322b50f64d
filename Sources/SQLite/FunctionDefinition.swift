/// A function that SQL may call (https://www.sqlite.org/appfunc.html).
package struct FunctionDefinition: Sendable {
  /// What SQLite may take for granted of a function (https://www.sqlite.org/c3ref/c_deterministic.html).
  package struct Flags: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    /// The same arguments always give the same result.
    package static let deterministic = Flags(rawValue: 0x800)
    /// Never called from triggers, views, or anything else that a schema holds.
    package static let directOnly = Flags(rawValue: 0x80000)
    /// Harmless, also in a schema that is not trusted.
    package static let innocuous = Flags(rawValue: 0x200000)
  }

  /// What the function does.
  package enum Body: Sendable {
    case scalar(@Sendable (Arguments, FunctionResult) -> Void)
    /// Makes the state of one group.
    case aggregate(@Sendable () -> AggregateState, takesWindows: Bool)
  }

  package let name: String
  /// Number of arguments; -1 for any.
  package let argumentCount: Int32
  package let flags: Flags
  /// Whether the result or a side effect reaches beyond the database and the arguments.
  package let reachesOutside: Bool
  let body: Body

  /// A function of arguments alone.
  package init(
    _ name: String, _ argumentCount: Int32, _ flags: Flags = [], reachesOutside: Bool = false,
    _ body: @escaping @Sendable (Arguments, FunctionResult) -> Void
  ) {
    self.name = name
    self.argumentCount = argumentCount
    self.flags = flags
    self.reachesOutside = reachesOutside
    self.body = .scalar(body)
  }

  /// A function of many rows, which may also run over a window where `takesWindows`.
  package init(
    aggregate name: String, _ argumentCount: Int32, _ flags: Flags = [], takesWindows: Bool = true,
    _ makeState: @escaping @Sendable () -> AggregateState
  ) {
    self.name = name
    self.argumentCount = argumentCount
    self.flags = flags
    reachesOutside = false
    body = .aggregate(makeState, takesWindows: takesWindows)
  }
}

/// What an aggregate function knows of the rows of one group; subclassed.
///
/// Open, and so public with what it names: a class that is only `package` cannot be subclassed in another target.
open class AggregateState {
  public init() {}
  /// Takes a row in.
  open func add(_ arguments: Arguments) {}
  /// Takes the oldest row of a window out again.
  open func remove(_ arguments: Arguments) {}
  /// Gives the result for the rows that are in.
  open func give(_ result: FunctionResult) {}
}

/// An order of texts, for `COLLATE` (https://www.sqlite.org/c3ref/create_collation.html).
package struct CollationDefinition: Sendable {
  package let name: String
  /// Less than, equal to or greater than 0, as the first stands before, with or after the second.
  package let compare: @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int

  package init(
    _ name: String, _ compare: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int
  ) {
    self.name = name
    self.compare = compare
  }
}
