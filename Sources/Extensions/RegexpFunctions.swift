internal import SQLite

/// `regexp(PATTERN,TEXT)`, for the operator REGEXP, and `regexpi`, which ignores the case of ASCII
/// letters.
enum RegexpFunctions {
  static let all = [
    FunctionDefinition("regexp", 2, [.deterministic, .innocuous]) { match($0, $1, ignoringCase: false) },
    FunctionDefinition("regexpi", 2, [.deterministic, .innocuous]) { match($0, $1, ignoringCase: true) },
  ]

  private static func match(_ arguments: Arguments, _ result: FunctionResult, ignoringCase: Bool) {
    let expression: RegularExpression? = result.kept(for: 0) {
      arguments[0].withText { pattern in
        guard let pattern else { return nil }
        do throws(RegularExpressionCompiler.Failure) {
          return try RegularExpressionCompiler.compile(pattern, ignoresCase: ignoringCase)
        } catch {
          result.fail(error.message)
          return nil
        }
      }
    }
    guard let expression else { return }
    arguments[1].withText { text in
      if let text { result.set(Int64(expression.matches(text) ? 1 : 0)) }
    }
  }
}
