import Files
import Shell

/// An order of a shell for the service that mirrors its database.
struct ServiceOrder {
  private let process: Int
  private let path: String

  /// Maximum seconds of an order: a base of a large database takes long.
  private static let patience = 3600.0

  init(_ process: Int, _ path: String?) {
    self.process = process
    self.path = path.flatMap { Folder.canonical($0) } ?? path ?? ""
  }

  /// Sends an order with its words, and returns the words of the answer.
  func send(_ order: String, _ words: [String] = []) throws -> [String] {
    let request = ([order, path] + words).joined(separator: "\t")
    guard let answer = ControlSocket.ask(process, request, seconds: Self.patience) else {
      throw CommandError.message(
        "Error: process \(process) mirrors it and takes no orders: use .mirror \(order) there")
    }
    guard answer.hasPrefix("ok ") else {
      throw CommandError.message("Error: process \(process): \(answer.dropFirst("error ".count))")
    }
    return answer.dropFirst(3).split(separator: "\t").map(String.init)
  }

  /// Has old history deleted, and prints what that was.
  func prune(_ keep: Double, dryRun: Bool, in session: Session) throws {
    let words = try send("prune", ["\(keep)", dryRun ? "plan" : "delete"])
    let numbers = words.prefix(4).compactMap { Int($0) }
    for notice in words.dropFirst(4) { session.errors.tell("Warning: \(notice)") }
    guard numbers.count == 4 else { return }
    session.output.write(MirrorCommand.summary(numbers, dryRun: dryRun))
  }
}
