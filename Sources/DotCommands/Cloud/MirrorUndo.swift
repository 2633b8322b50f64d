import Bytes
import History
import Replica
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Undoes a transaction with a new transaction.
struct MirrorUndo {
  struct Options {
    enum OnConflict { case stop, force, skip }

    let moment: Moment
    var isTrial = false
    var onConflict = OnConflict.stop

    init(parsing words: inout Words) throws(CommandError) {
      var text: [String] = []
      while let word = words.optional() {
        switch word {
        case "--dry-run", "-dry-run": isTrial = true
        case "--force", "-force": onConflict = .force
        case "--skip", "-skip": onConflict = .skip
        default: text.append(word)
        }
      }
      guard !text.isEmpty else { throw .usage }
      moment = try MomentWords.moment(text.joined(separator: " "))
      if case .time = moment {
        throw .message(
          "Error: name the transaction by its number, or \"last\": .mirror log lists the numbers")
      }
    }
  }

  let session: Session
  let observer: MirrorSession
  let options: Options

  func run() throws {
    let connection = try session.connection
    guard connection.isInAutocommit else {
      throw CommandError.message("Error: a transaction is open: end it with COMMIT or ROLLBACK")
    }
    let past = observer.past
    past.register()
    let replica = try past.present(session, from: nil)
    let (before, after) = try MirrorDiff.change(replica.open(RestoreTarget(options.moment)), replica)
    let number = after.moment.transaction
    let diff = try RowDiff(from: before, to: after, past.files) { try replica.source.checkInterrupt() }
    let undo = Undo(diff, connection)
    if let reason = try undo.refusal() {
      throw CommandError.message("Error: undo transaction \(number): \(reason)")
    }
    try undo.collect()
    guard !undo.changes.isEmpty else {
      return session.output.tell("transaction \(number) changed no rows of tables: nothing to take back")
    }
    let conflicts = try undo.conflicts()
    let printer = RowPrinter(session)
    if !conflicts.isEmpty {
      printer.head("\(conflicts.count) rows have changed since transaction \(number):")
      for conflict in conflicts { session.output.tell("! \(conflict.text)") }
      if options.onConflict == .stop, !options.isTrial {
        throw CommandError.message(
          "Error: undo transaction \(number): nothing was changed; --force overwrites these rows, --skip keeps them"
        )
      }
    }
    let leftOut = options.onConflict == .skip ? Set(conflicts.map(\.index)) : []
    let chosen = undo.changes.indices.filter { !leftOut.contains($0) }
    for index in chosen { printer.print(undo.changes[index]) }
    if options.isTrial {
      return session.output.tell("would take back transaction \(number): \(chosen.count) rows")
    }
    guard !chosen.isEmpty else { return session.output.tell("nothing is left to take back") }
    if session.isInteractive, !session.confirms("take back transaction \(number)?") {
      return session.output.tell("nothing was changed")
    }
    try undo.apply(chosen, isForced: options.onConflict == .force)
    session.output.tell(
      "took back transaction \(number): \(chosen.count) rows; .mirror undo last takes this back")
  }
}
