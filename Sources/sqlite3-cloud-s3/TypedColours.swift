internal import Bytes
internal import Files
internal import LineReader
internal import Shell

/// The colours of typed SQL, over all lines of a statement.
final class TypedColours {
  private var before = SQLColouring()
  /// The bytes of the statement that `before` has read.
  private var seen = 0

  /// Whether the terminal supports colours.
  static var areShown: Bool {
    ProcessEnvironment.isTerminal(0) && ProcessEnvironment.isTerminal(1)
      && ProcessEnvironment.variable("TERM").map { $0 != "dumb" } ?? false
  }

  /// Reads the typed lines of a statement before the next one.
  func follow(_ statement: ByteBuffer) {
    if statement.count < seen || statement.isEmpty {
      before = SQLColouring()
      seen = 0
    }
    guard statement.count > seen else { return }
    before.skip(Array(statement.bytes[seen...]))
    seen = statement.count
  }

  /// Returns the colours for the line reader.
  func forReader(_ input: InputState) -> LineColours {
    let isUnwanted = ProcessEnvironment.variable("NO_COLOR").map { !$0.isEmpty } ?? false
    return LineColours(
      areOn: { input.highlights ?? !isUnwanted },
      tints: { line, cursor in
        var state = self.before
        return state.colour(line, cursor: cursor, isAccepted: cursor == nil)
      }, code: { Self.code($0) })
  }

  /// Returns the same colours as in DuckDB's shell.
  private static func code(_ tint: UInt8) -> String {
    let colour: String? =
      switch SQLTint(rawValue: tint & ~SQLColouring.partner) {
      case .keyword: "32"
      case .constant: "33"
      case .comment: "90"
      case .error: "31"
      case .plain, nil: nil
      }
    return [colour, tint & SQLColouring.partner == 0 ? nil : "4"].compactMap { $0 }.joined(separator: ";")
  }
}
