/// A rule of `Docs/Protocol.md` that a session breaks on purpose.
enum BrokenRule: String, CaseIterable, Sendable {
  /// Rule 3: a session takes `412` for success.
  case existsIsOurs = "exists-is-ours"
  /// Rule 5: a session counts without reading its turn back.
  case noConfirm = "no-confirm"
  /// Rule 6: a slice counts although the turn before it is not created.
  case acknowledgesOutOfOrder = "ack-out-of-order"
  /// Rule 9: the seal is sent before the base.
  case sealBeforeBase = "seal-before-base"
  /// Rule 9: the mark is created before the seal.
  case markBeforeSeal = "mark-before-seal"
  /// Rule 10: entries are merged before they are stored.
  case mergesEarly = "merge-early"
  /// Rule 12: slots outrank merged objects.
  case slotsOutrank = "slots-outrank"
  /// Rule 13: a reader lists merged objects before slots.
  case mergedListedFirst = "merged-listed-first"
  /// Rule 16: the slice at the tip is deleted too.
  case deletesTip = "tip-deleted"
  /// Rule 16: turns are deleted with the slices after them.
  case deletesTurns = "turns-deleted"
  /// Rule 19: every generation that is not on the chain is deleted.
  case deletesOrphans = "orphans-deleted"
  /// Row e: the record beside another file counts.
  case anyFile = "record-of-another-file"
  /// Row e: a place before the tip counts, even if another session stored later transactions.
  case anyPlace = "record-before-the-tip"
}
