import Bytes
import ObjectStore
import Shell

/// Prints the settings of a store and the results of its check.
struct StoreCheckReport {
  private let session: Session
  private let isJSON: Bool

  init(_ session: Session, json: Bool) {
    self.session = session
    isJSON = json
  }

  /// Checks a store that may be impossible to make; throws if anything needed does not work.
  func run(_ makeStore: () throws -> any ObjectStore) throws {
    let store: any ObjectStore
    do {
      store = try makeStore()
    } catch {
      let text = Self.text(error)
      if isJSON {
        var object = JSONText()
        object.add("works", raw: "false")
        object.add("error", text: text)
        session.output.print(object.text)
      } else {
        line("settings", "failed: \(text)")
      }
      throw CommandError.message("Error: the mirror cannot be set up: \(text)")
    }
    var check = try StoreCheck(store)
    check.run()
    let detailed = store as? any DetailedStore
    let clock = detailed.map { Self.clock($0.clockAhead) } ?? nil
    if isJSON { printJSON(store.url, detailed, check) } else { printText(store.url, detailed, clock, check) }
    guard check.failures == 0 else {
      throw CommandError.message(
        "Error: \(store.url): \(check.failures) of \(check.outcomes.count) operations failed")
    }
    guard !isJSON else { return }
    session.output.tell(
      check.weaknesses == 0
        ? "\(store.url): everything a mirror needs works"
        : "\(store.url): a mirror works, with the weakness shown above")
  }

  private static func text(_ error: any Error) -> String {
    guard let error = error as? CommandError else { return "\(error)" }
    guard case .message(let text) = error else { return "no mirror is configured" }
    return text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text
  }

  /// With a larger difference the times in the replica are of little use; Amazon refuses at 15
  /// minutes.
  private static let skewLimit = 60

  private static func clock(_ ahead: Int?) -> String? {
    guard let ahead else { return nil }
    // The header has whole seconds.
    if abs(ahead) <= 1 { return "ok, within a second of the store's" }
    let text = "\(abs(ahead)) seconds \(ahead > 0 ? "ahead of" : "behind") the store's"
    return abs(ahead) > skewLimit ? "\(text): set the clock, or requests are refused" : text
  }

  private func line(_ name: String, _ value: String) {
    session.output.tell(String(repeating: " ", count: max(0, 16 - name.utf8.count)) + name + ": " + value)
  }

  private func printText(
    _ url: String, _ detailed: (any DetailedStore)?, _ clock: String?, _ check: StoreCheck
  ) {
    line("replica", url)
    for detail in detailed?.details ?? [] { line(detail.name, detail.value) }
    if let clock { line("clock", clock) }
    for outcome in check.outcomes { line(outcome.name, Self.text(outcome)) }
  }

  private static func text(_ outcome: StoreCheck.Outcome) -> String {
    switch outcome.verdict {
    case .ok: "ok" + (outcome.milliseconds.map { ", \(milliseconds($0)) ms" } ?? "")
    case .failed: "failed: \(outcome.text)"
    case .weak: "not kept: \(outcome.text)"
    case .skipped: "not tried \(outcome.text)"
    }
  }

  private static func milliseconds(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private func printJSON(_ url: String, _ detailed: (any DetailedStore)?, _ check: StoreCheck) {
    var object = JSONText()
    object.add("replica", text: url)
    object.add("works", raw: check.failures == 0 ? "true" : "false")
    for detail in detailed?.details ?? [] {
      object.add(Self.member(detail.name), text: detail.value)
    }
    object.add("clock_ahead_seconds", raw: detailed?.clockAhead.map { "\($0)" } ?? "null")
    let operations = check.outcomes.map { outcome in
      var operation = JSONText()
      operation.add("name", text: outcome.name)
      operation.add("result", text: outcome.verdict.rawValue)
      operation.add("milliseconds", raw: outcome.milliseconds.map { Self.milliseconds($0) } ?? "null")
      operation.add("text", text: outcome.text.isEmpty ? nil : outcome.text)
      return operation.text
    }
    object.add("operations", raw: "[" + operations.joined(separator: ",") + "]")
    session.output.print(object.text)
  }

  /// `storage class` as a member of a JSON object.
  private static func member(_ name: String) -> String {
    String(name.lowercased().map { $0 == " " ? "_" : $0 })
  }
}
