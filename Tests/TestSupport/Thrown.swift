package import Testing

/// Returns the error that a call throws, and records an issue if it throws none of this type.
///
/// `#expect(throws:)` returns the error itself only since Swift 6.1.
@discardableResult
package func thrown<Failure: Error, Value>(
  _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) -> Failure? {
  do {
    let value = try body()
    Issue.record("\(type) expected, but \(value) returned", sourceLocation: sourceLocation)
  } catch let error as Failure {
    return error
  } catch {
    Issue.record("\(type) expected, but \(error) thrown", sourceLocation: sourceLocation)
  }
  return nil
}

/// Returns the error that a call throws, and ends the test if it throws none of this type.
package func requireThrown<Failure: Error, Value>(
  _ type: Failure.Type, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) throws -> Failure {
  guard let error = thrown(type, sourceLocation: sourceLocation, body) else { throw NothingThrown() }
  return error
}

/// Ends a test whose issue has been recorded.
private struct NothingThrown: Error {}
