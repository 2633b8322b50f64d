import Testing

/// Expects two texts to be equal, and prints the first different line.
func expectSame(_ actual: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation) {
  guard actual != expected else { return }
  let ours = actual.split(separator: "\n", omittingEmptySubsequences: false)
  let theirs = expected.split(separator: "\n", omittingEmptySubsequences: false)
  let at = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
  let line = at ?? min(ours.count, theirs.count)
  func show(_ lines: [Substring]) -> String { lines.dropFirst(line).prefix(2).joined(separator: "\n") }
  Issue.record(
    "line \(line + 1) differs\n──── expected\n\(show(theirs))\n──── actual\n\(show(ours))\n────",
    sourceLocation: sourceLocation)
}
