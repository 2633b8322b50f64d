import History
import Restore
import SQLite
import Shell

/// Attaches a moment of a replica, so that one query can read the past and the current state.
struct MirrorAttach {
  private let moment: String
  private let schema: String
  private let url: String?

  init(parsing words: inout Words) throws(CommandError) {
    var moment: [String] = []
    var (schema, url): (String?, String?) = (nil, nil)
    while let word = words.optional() {
      switch word.lowercased() {
      case "--from", "-from": url = try words.required()
      case "as":
        schema = try words.required()
      default:
        guard schema == nil else { throw .usage }
        moment.append(word)
      }
    }
    guard !moment.isEmpty, let schema else { throw .usage }
    self.moment = moment.joined(separator: " ")
    self.schema = schema
    self.url = url
    _ = try MomentWords.moment(self.moment)
  }

  func run(in session: Session, _ observer: MirrorSession) throws {
    try session.requireUnsafe("cannot run .mirror attach in safe mode")
    let connection = try session.connection
    // Opened here before ATTACH, for better error messages and to flush the mirror first.
    let replica = try observer.past.present(session, from: url)
    let reader = try replica.open(RestoreTarget(MomentWords.moment(moment)))
    try observer.past.files.attach(reader, to: connection, as: schema)
    if session.isInteractive { session.output.tell("\(schema): \(PastSession.text(reader))") }
  }
}
