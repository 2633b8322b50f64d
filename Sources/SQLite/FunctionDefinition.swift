/// A function that SQL may call (https://www.sqlite.org/appfunc.html).
package struct FunctionDefinition: Sendable {
  /// The properties of a function that SQLite may rely on
  /// (https://www.sqlite.org/c3ref/c_deterministic.html).
  package struct Flags: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    /// The same arguments always give the same result.
    package static let deterministic = Flags(rawValue: 0x800)
    /// Never called from triggers, views, or other parts of a schema.
    package static let directOnly = Flags(rawValue: 0x80000)
    /// Harmless, also in an untrusted schema.
    package static let innocuous = Flags(rawValue: 0x200000)
  }

  /// The work of the function.
  package enum Body: Sendable {
    case scalar(@Sendable (Arguments, FunctionResult) -> Void)
    /// Makes the state of one group.
    case aggregate(@Sendable () -> AggregateState, takesWindows: Bool)
  }

  package let name: String
  /// Number of arguments; -1 for any.
  package let argumentCount: Int32
  package let flags: Flags
  /// Whether it uses or changes anything outside of the database and the arguments.
  package let reachesOutside: Bool
  let body: Body

  /// A function of its arguments only.
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

  /// A function of many rows, which may also run over a window if `takesWindows` is true.
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

/// The state of an aggregate function for one group; subclass it.
///
/// It is open, and so public with its types, because a class that is only `package` cannot be
/// subclassed in another target.
open class AggregateState {
  public init() {}
  /// Adds a row.
  open func add(_ arguments: Arguments) {}
  /// Removes the oldest row of a window.
  open func remove(_ arguments: Arguments) {}
  /// Sets the result for the current rows.
  open func give(_ result: FunctionResult) {}
}

/// An order of texts, for `COLLATE` (https://www.sqlite.org/c3ref/create_collation.html).
package struct CollationDefinition: Sendable {
  package let name: String
  /// Less than, equal to or greater than 0, if the first comes before, with or after the second.
  package let compare: @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int

  package init(
    _ name: String, _ compare: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Int
  ) {
    self.name = name
    self.compare = compare
  }
}
