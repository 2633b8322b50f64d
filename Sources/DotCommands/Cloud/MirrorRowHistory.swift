import Bytes
import History
import Replica
import ReplicaFormat
import Restore
import SQLite
import Shell

/// Prints each version of the rows of a table, with the transaction that made it.
struct MirrorRowHistory {
  struct Options {
    let table: String
    /// The key of one row; with a condition or for all rows, nil.
    var key: String?
    var condition: String?
    var from: String?

    init(parsing words: inout Words) throws(CommandError) {
      table = try words.required()
      var others: [String] = []
      while let word = words.optional() {
        switch word {
        case "--from", "-from": from = try words.required()
        default: others.append(word)
        }
      }
      if others.first?.lowercased() == "where" {
        condition = others.dropFirst().joined(separator: " ")
      } else if others.count == 1, let only = others.first {
        if only.lowercased().hasPrefix("where ") { condition = String(only.dropFirst(6)) } else { key = only }
      } else if !others.isEmpty {
        throw .usage
      }
    }
  }

  let session: Session
  let observer: MirrorSession
  let options: Options

  func run() throws {
    observer.past.register()
    let replica = try observer.past.present(session, from: options.from)
    let authors = TransactionAuthors(session, replica)
    let printer = RowPrinter(session)
    let history = RowHistory(replica, observer.past.files, table: options.table)
    try history.find(key: options.key, condition: options.condition) { moment, isAfterGap, changes in
      try authors.print(moment, isAfterGap: isAfterGap)
      for change in changes { printer.print(change) }
    }
    if history.versions == 0 { session.output.tell("the history has no matching row of \(options.table)") }
  }
}
