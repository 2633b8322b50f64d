// The invariants of every state and every step: the numbered invariants of Docs/Protocol.md.
#include "Reading.h"

// Stored transactions that a restore does not give and that no fork by order left behind.
static uint32_t missingFrom(const State &s, const Chain &chain) {
  return storedNodes(s) & ~leftBehind(s, chain) & ~lineage(s, 0, chain.tip.node);
}

static const char *checkAcknowledged(const State &s, const Chain &chain) {
  uint32_t missing = missingFrom(s, chain);
  bool reported = chain.provesLoss || !holds(s, chain, s.witness);
  // After an outsider deleted something, what a witness has named must be there, or the restore fails.
  if (s.losses)
    missing &= s.witnessed;
  else if (chain.provesLoss)
    return "(6) rule 14 reports a loss although nothing was lost";
  if (missing && !(s.losses && reported)) return "(1) a stored transaction is not in what a restore yields";
  bool isRecovered = s.witness.number <= chain.recovered[s.witness.generation];
  if (!missingFrom(s, chain) && (!s.losses || isRecovered) && !holds(s, chain, s.witness))
    return "(6) rule 15 reports a loss although nothing is missing";
  return nullptr;
}

static const char *checkNumbers(const State &s) {
  for (int a = 1; a < nodeLimit; a++)
    for (int b = a + 1; b < nodeLimit; b++)
      if (s.storedIn[a] && s.storedIn[a] == s.storedIn[b] && depth(s, a) == depth(s, b))
        return "(3) two transactions with one number are stored in one generation";
  return nullptr;
}

// The place at the tip is free. So is the place after a turn there, because no other name can
// contain the turn's id.
static const char *checkTipIsFree(const State &s, const Chain &chain) {
  const Point &tip = chain.tip;
  Entry next{};
  next.generation = tip.generation, next.number = tip.number, next.part = tip.part,
  next.previous = tip.previous;
  if (occupant(s, next) >= 0) return "(4) the place at the tip is taken";
  for (const Merged &m : s.merged)
    if (m.isPresent && m.generation == tip.generation && m.first <= tip.number && tip.number <= m.last)
      return "(4) the place at the tip is outranked";
  return nullptr;
}

// The assumption of a start with a record: its last entry is listed and nothing after it, so its
// place is the tip.
static const char *checkRecord(const State &s, const Chain &chain, const Point &record) {
  if (record.generation == 0 || record.part > 1) return nullptr;
  int last = int(record.previous) - 1;
  bool lastIsHere = last >= 0 && s.entries[last].generation == record.generation;
  for (int i = 0; i < entryLimit; i++)
    if (i != last && s.entries[i].isPresent && s.entries[i].generation == record.generation &&
        s.entries[i].number >= record.number)
      return nullptr;
  if (lastIsHere && !s.entries[last].isPresent)
    return "(7) nothing is listed after a record, and its last entry is gone";
  if (!samePlace(record, chain.tip))
    return "(7) nothing is listed after a record, and its place is not the tip";
  return nullptr;
}

const char *violation(const State &s, const Chain &chain) {
  if (chain.error) return chain.error;
  const char *found = checkAcknowledged(s, chain);
  if (s.losses)
    return found;  // beyond the assumptions: only losses that a witness shows must be reported
  if (!found) found = checkNumbers(s);
  if (!found) found = checkTipIsFree(s, chain);
  if (!run->mustFail)
    for (int i = 0; i < run->sessions && !found; i++)
      if (s.sessions[i].phase == running && s.sessions[i].counted)
        found = checkRecord(s, chain, s.sessions[i].countedAt);
  if (!found && s.reader.missed) found = "(5) a restore in steps misses what was stored before it began";
  return found;
}

const char *violationOfStep(const Chain &chainBefore, const State &after, const Chain &chainAfter) {
  if (isAncestor(after, chainBefore.tip.node, chainAfter.tip.node) || chainBefore.tip.node == 0)
    return nullptr;
  if (after.losses || (leftBehind(after, chainAfter) >> chainBefore.tip.node & 1)) return nullptr;
  return "(2) what a restore yields went back";
}
