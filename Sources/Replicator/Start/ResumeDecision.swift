import Bytes
import ReplicaCatalog
import ReplicaFormat
import WALFormat

/// Decides how a session starts: the table of starts of `Docs/Protocol.md`, from facts alone.
enum ResumeDecision {
  /// Continues after the tip in the same generation (rows a and b).
  case goOn
  /// Opens a generation; with `isFork`, it abandons transactions of the replica on the user's
  /// command.
  case begin(reason: String, isFork: Bool)
  /// Mirrors nothing, because it would leave commits of another session behind.
  case refuse(String)

  /// The position of the local record on the chain.
  enum Recorded {
    /// There is no record of this replica.
    case nowhere
    /// At the tip, or before it without a stored transaction between.
    case atTip
    /// On the chain, before the tip, but the file holds the tip.
    ///
    /// The session that wrote the record stored everything since, of commits that the file held
    /// then.
    case holdsTip
    /// On the chain, before the tip.
    case belowTip
    /// Not on the chain: objects were lost.
    case beyondTip(Place)
  }

  struct Facts {
    /// The tip of the replica; nil if the replica holds nothing.
    var tip: Tip?
    /// Whether the database, at some commit of its log, has the state of the tip.
    var isAtTip = false
    /// Whether the database was empty when the session began.
    var wasEmpty = false
    /// The key with which the store encrypts; nil if it does not.
    var keyID: String?
    var recorded = Recorded.nowhere
    /// Whether the record belongs to this very file (device, inode and time of birth).
    ///
    /// It is false if a power loss may have taken commits that the record names.
    var isSameFile = false
    /// The proof that the end of the log was lost; nil if there is none.
    var loss: String?
    /// The transaction of the chain with the state of the database; nil if there is none.
    var earlier: UInt64?
    /// Whether the user ordered a new generation.
    var isOrdered = false
    /// The moment of the replica to which the database was just restored.
    ///
    /// A restore from statements has other pages.
    var restored: MirrorSettings.Restored?
    /// Returns the last writer of the replica; called only for a message.
    var writer: () -> String? = { nil }
    let path: String
    let url: String
  }

  /// The end of a replica.
  struct Tip: Sendable {
    let place: Place
    /// The last entry, and others with the same transaction number; empty if they are not known.
    let entries: [Place]
    let transaction: UInt64
    let state: DatabaseState
    /// The time of its last commit; microseconds since 1970.
    let time: Int64
    /// Its end in SQLite's log; nil after a base.
    let position: WALPosition?
    /// The key of its objects; nil if they are not encrypted.
    let keyID: String?
    /// The session that wrote the last entry; nil if it is not known.
    let session: UInt64?
    /// The last writer, for messages.
    let writer: String?
  }

  static let keyChanged = "the encryption key changed"
  static let encryptionBegan = "encryption was turned on"

  /// Returns the decision of the first row of the table that matches.
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

  /// Returns the decision for a database that holds the tip.
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
  /// Finds the position in the record on the chain, or in the lease if there is no record.
  ///
  /// `contents` holds the tip's generation from `base` on, if that was listed.
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
        // The entry at this place stored no transaction: it is a turn, or a part of an incomplete
        // transaction.
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
  /// Returns whether the record's session stored everything after the record.
  ///
  /// The file must have held those commits then. Each session's first entry is a turn. Therefore
  /// the entries would show a turn of another session.
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
