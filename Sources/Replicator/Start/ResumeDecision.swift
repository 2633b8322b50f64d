import Bytes
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// What a session does at its start: the table of starts of `Docs/Protocol.md`, from facts alone.
enum ResumeDecision {
  /// Goes on after the tip in the same generation (rows a and b).
  case goOn
  /// Begins a generation; `isFork` leaves transactions of the replica behind, by order.
  case begin(reason: String, isFork: Bool)
  /// Mirrors nothing: somebody's commits would be left behind.
  case refuse(String)

  /// Where the record beside the database says that it was, seen from the chain.
  enum Recorded {
    /// There is no record of this replica.
    case nowhere
    /// At the tip, or before it with no stored transaction between.
    case atTip
    /// On the chain, before the tip; what was stored since is from the session that wrote the record, and was in the file then.
    case holdsTip
    /// On the chain, before the tip.
    case belowTip
    /// Not on the chain: objects were lost.
    case beyondTip(Place)
  }

  struct Facts {
    /// What the replica holds; nil if nothing.
    var tip: Tip?
    /// Whether the database, at some commit of its log, is the state at the tip.
    var isAtTip = false
    /// Whether the database was empty when the session began.
    var wasEmpty = false
    /// The key that the store encrypts with; nil if it does not.
    var keyID: String?
    var recorded = Recorded.nowhere
    /// Whether the record is that of this very file (device, inode and time of birth), and no power loss can have taken what
    /// it names.
    var isSameFile = false
    /// What proves that the end of the log was lost; nil if nothing does.
    var loss: String?
    /// The transaction of the chain that the database equals; nil if there is none.
    var earlier: UInt64?
    /// Whether the user ordered a new generation.
    var isOrdered = false
    /// The moment of the replica that the database was just restored to: from statements it has other pages.
    var restored: MirrorSettings.Restored?
    /// Who wrote to the replica last; asked only for a message.
    var writer: () -> String? = { nil }
    let path: String
    let url: String
  }

  /// What the replica ends with.
  struct Tip: Sendable {
    let place: Place
    /// The last entry, and others with the same transaction number; none if they are not known.
    let entries: [Place]
    let transaction: UInt64
    let state: DatabaseState
    /// Of its last commit, microseconds since 1970.
    let time: Int64
    /// Where in SQLite's log it ended; nil after a base.
    let position: WALPosition?
    /// The key its objects are encrypted with; nil if they are not.
    let keyID: String?
    /// The session that wrote the last entry; nil if it is not known.
    let session: UInt64?
    /// Who wrote last, for messages.
    let writer: String?
  }

  static let keyChanged = "the encryption key changed"
  static let encryptionBegan = "encryption was turned on"

  /// The first row of the table that fits.
  static func of(_ facts: Facts) -> ResumeDecision {
    guard let tip = facts.tip else {
      if let loss = facts.loss, !facts.isOrdered { return lost(facts, loss) }
      return .begin(reason: "first generation", isFork: facts.loss != nil)
    }
    if facts.wasEmpty, tip.state.pages > 1, !facts.isAtTip {
      if facts.isOrdered { return fork() }
      return .refuse(
        "\(facts.url) holds data (generation \(tip.place.generation), transaction \(tip.transaction)) but "
          + "\(facts.path) was empty: use .restore wal, or .mirror on \(facts.url) --new-generation")
    }
    if let loss = facts.loss, !facts.isOrdered { return lost(facts, loss) }
    if facts.isAtTip || tip.state.pages <= 1, let row = continued(facts, tip) { return row }
    if let restored = facts.restored, restored.generation == tip.place.generation, !facts.isOrdered {
      return restored.transaction == tip.transaction
        ? .begin(reason: "restored from statements", isFork: false)
        : stale(facts, tip, min(restored.transaction, tip.transaction))
    }
    if let earlier = facts.earlier { return facts.isOrdered ? fork() : stale(facts, tip, earlier) }
    switch facts.recorded {
    case .holdsTip where facts.isSameFile:
      return .begin(reason: "the last session ended before all of its commits were stored", isFork: false)
    case .atTip where facts.isSameFile:
      return .begin(reason: "other programs changed the database while it was not mirrored", isFork: false)
    case .beyondTip(let place) where !facts.isOrdered:
      return lost(
        facts,
        "transaction \(place.transaction - 1) of generation \(place.generation) was stored, and the log ends with "
          + "\(tip.transaction)")
    case .holdsTip where !facts.isOrdered, .belowTip where !facts.isOrdered: return stale(facts, tip, nil)
    case .atTip, .holdsTip, .belowTip, .beyondTip, .nowhere:
      return facts.isOrdered ? fork() : foreign(facts, tip)
    }
  }

  private static func lost(_ facts: Facts, _ loss: String) -> ResumeDecision {
    .refuse(
      "\(facts.url) has lost objects: \(loss): see .mirror verify; what is left can be left behind with .mirror on "
        + "\(facts.url) --new-generation")
  }

  /// The database holds the tip.
  private static func continued(_ facts: Facts, _ tip: Tip) -> ResumeDecision? {
    // A generation has one key, or none.
    if tip.keyID != facts.keyID {
      return .begin(reason: tip.keyID == nil ? encryptionBegan : keyChanged, isFork: false)
    }
    if facts.isOrdered { return .begin(reason: "asked for", isFork: false) }
    return facts.isAtTip ? .goOn : .begin(reason: "the replica held an empty database", isFork: false)
  }

  private static func fork() -> ResumeDecision {
    .begin(reason: "asked for, as a fork", isFork: true)
  }

  private static func stale(_ facts: Facts, _ tip: Tip, _ earlier: UInt64?) -> ResumeDecision {
    let ahead =
      earlier.map { $0 + 1 == tip.transaction ? "1 transaction " : "\(tip.transaction - $0) transactions " }
      ?? ""
    return .refuse(
      "\(facts.url) is \(ahead)ahead of \(facts.path) (last: \(last(facts, tip))): use .restore wal, or leave them behind "
        + "with .mirror on \(facts.url) --new-generation")
  }

  private static func foreign(_ facts: Facts, _ tip: Tip) -> ResumeDecision {
    .refuse(
      "\(facts.url) holds another database than \(facts.path) (last: \(last(facts, tip))): use another prefix, or leave it "
        + "behind with .mirror on \(facts.url) --new-generation")
  }

  private static func last(_ facts: Facts, _ tip: Tip) -> String {
    "transaction \(tip.transaction), \(ISOTime.text(tip.time))" + (facts.writer().map { ", \($0)" } ?? "")
  }
}

extension ResumeDecision.Recorded {
  /// Where the record, or the lease if there is no record, says that the replica was.
  ///
  /// `contents` is what the tip's generation holds from `base` on, if that was listed.
  init(
    _ record: PositionRecord?, witness: Place?, tip: ResumeDecision.Tip,
    _ contents: GenerationContents? = nil,
    base: BaseName? = nil
  ) {
    guard let place = record?.place ?? witness else {
      self = .nowhere
      return
    }
    if place.generation == tip.place.generation {
      if place.transaction > tip.place.transaction {
        self = .beyondTip(place)
      } else if record == nil {
        self = .nowhere
      } else {
        // What stands there stored no transaction: a turn, or parts of one that was never stored whole.
        let isVoid = place.transaction == tip.place.transaction && tip.entries.contains(place)
        self = place == tip.place || isVoid ? .atTip : .belowTip
        if case .belowTip = self, let record, let contents, let base,
          record.hasWritten(to: tip, contents, base)
        {
          self = .holdsTip
        }
      }
    } else if place.generation.sequence > tip.place.generation.sequence {
      self = .beyondTip(place)
    } else {
      self = record == nil ? .nowhere : .belowTip
    }
  }
}

extension PositionRecord {
  /// Returns whether all that was stored after the record is from the session that wrote it, and of commits that the file held then.
  ///
  /// Each session's first entry is a turn, so a turn of another session would stand among the entries.
  fileprivate func hasWritten(
    to tip: ResumeDecision.Tip, _ contents: GenerationContents, _ base: BaseName
  ) -> Bool {
    guard captured >= tip.transaction, tip.session == session, base.transaction < place.transaction else {
      return false
    }
    return contents.entries.allSatisfy { at, entry in
      guard case .turn(let turn) = entry, at.transaction >= place.transaction else { return true }
      return turn.session.number == session
    }
  }
}
