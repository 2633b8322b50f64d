#include "Reading.h"

View wholeStore(const State &s) {
  View view{0, 0, 0, s.marks};
  for (int i = 0; i < entryLimit; i++) view.entries |= uint32_t(s.entries[i].isPresent) << i;
  for (int i = 0; i < baseLimit; i++) view.bases |= uint32_t(s.bases[i].isPresent) << i;
  for (int i = 0; i < sessionLimit; i++) view.merged |= uint32_t(s.merged[i].isPresent) << i;
  return view;
}

int newestMark(const State &s, uint32_t marks) {
  int newest = 0;
  for (int g = 1; g < generationLimit; g++)
    if ((marks >> g & 1) && (newest == 0 || s.order[g] > s.order[newest])) newest = g;
  return newest;
}

int newestBase(const State &s, uint32_t bases, int generation) {
  int newest = -1;
  for (int i = 0; i < baseLimit; i++)
    if ((bases >> i & 1) && s.bases[i].generation == generation &&
        (newest < 0 || s.bases[i].number > s.bases[newest].number))
      newest = i;
  return newest;
}

// A name is a place. (Broken: without the id of the entry before, as in the first sketch of the protocol.)
static bool standsAt(const Entry &e, unsigned generation, unsigned number, unsigned part, unsigned previous) {
  return e.generation == generation && e.number == number && e.part == part &&
         (e.previous == previous || !keeps(Rule::nameTellsPrevious));
}

int occupant(const State &s, const Entry &place) {
  for (int i = 0; i < entryLimit; i++)
    if (s.entries[i].isPresent &&
        standsAt(s.entries[i], place.generation, place.number, place.part, place.previous))
      return i;
  return -1;
}

bool isCovered(const State &s, int generation, int number) {
  for (const Merged &m : s.merged)
    if (m.isPresent && m.generation == generation && m.first <= number && number <= m.last) return true;
  bool any = false;
  for (const Base &b : s.bases) {
    if (!b.isPresent || b.generation != generation) continue;
    if (b.number <= number) return false;
    any = true;
  }
  return any;
}

// Takes the merged object that holds the chain's current number and reaches furthest.
static bool takeMerged(const State &s, const View &view, Chain &chain) {
  Point &at = chain.tip;
  int best = -1;
  for (int i = 0; i < sessionLimit; i++) {
    const Merged &m = s.merged[i];
    if ((view.merged >> i & 1) && m.generation == at.generation && m.first <= at.number &&
        at.number <= m.last && (best < 0 || m.last > s.merged[best].last))
      best = i;
  }
  if (best < 0) return false;
  const Merged &m = s.merged[best];
  if (m.first == at.number ? m.before != at.node : !isAncestor(s, at.node, m.after))
    chain.error = "a merged object does not continue the chain";
  at.number = m.last + 1, at.part = 1, at.previous = m.previous, at.node = m.after;
  chain.skippedTo[m.generation] = at.number;
  if (m.previous) chain.visited |= 1u << (m.previous - 1);
  return true;
}

// Rule 14: a slice beyond the end that names more as stored, or a merged object or base past the
// end.
static bool provesLoss(const State &s, const View &view, const Chain &chain) {
  const Point &end = chain.tip;
  for (int i = 0; i < entryLimit; i++) {
    const Entry &e = s.entries[i];
    if ((view.entries >> i & 1) && e.kind == slice && e.generation == end.generation &&
        e.storedUpTo >= end.number && !(chain.visited >> i & 1))
      return true;
  }
  for (int i = 0; i < sessionLimit; i++)
    if ((view.merged >> i & 1) && s.merged[i].generation == end.generation && s.merged[i].last >= end.number)
      return true;
  for (int i = 0; i < baseLimit; i++)
    if ((view.bases >> i & 1) && s.bases[i].generation == end.generation && s.bases[i].number > end.number)
      return true;
  return false;
}

// Rule 12 inside one generation. Returns at its seal, or at the end of the chain.
static void follow(const State &s, const View &view, Chain &chain) {
  Point &at = chain.tip;
  int partsOf = -1;
  for (int steps = 0; !chain.error; steps++) {
    if (steps > 40) {
      chain.error = "the chain runs in a circle";
      return;
    }
    if (keeps(Rule::mergedOutrank) && takeMerged(s, view, chain)) continue;
    int found = -1;
    for (int i = 0; i < entryLimit; i++)
      if ((view.entries >> i & 1) && standsAt(s.entries[i], at.generation, at.number, at.part, at.previous))
        found = i;
    if (found < 0 && !keeps(Rule::mergedOutrank) && takeMerged(s, view, chain)) continue;
    if (found < 0) {
      chain.provesLoss = keeps(Rule::lossBeyondEnd) && at.generation && provesLoss(s, view, chain);
      return;
    }
    const Entry &e = s.entries[found];
    chain.visited |= 1u << found;
    if (e.kind == seal) {
      chain.recovered[e.generation] = e.recovers;
      chain.next = e.successor;
      return;
    }
    if (e.kind == turn) {
      chain.voidsParts |= at.part > 1;
      at.part = 1, at.previous = found + 1;
      continue;
    }
    if (e.before != at.node || (e.part > 1 && partsOf != found / entriesPerSession))
      chain.error = "a slice does not continue the chain";
    partsOf = found / entriesPerSession;
    at.previous = found + 1;
    if (e.isLastPart)
      at.number = e.lastNumber + 1, at.part = 1, at.node = e.after;
    else
      at.part++;
  }
}

static void begin(const State &s, Chain &chain, int generation, int base) {
  chain.generations |= 1u << generation;
  chain.next = 0;
  Point &at = chain.tip;
  at = Point{};
  at.generation = generation, at.number = at.part = 1;
  if (generation == 0) return;
  if (base < 0) {
    chain.error = "the chain leads to a generation without a base";
    return;
  }
  const Base &b = s.bases[base];
  at.number = b.number, at.previous = b.previous, at.node = b.node;
  chain.skippedTo[generation] = b.number;
  if (b.previous) chain.visited |= 1u << (b.previous - 1);
}

Chain readGeneration(const State &s, const View &view, int generation, int base) {
  Chain chain;
  chain.first = generation;
  begin(s, chain, generation, base);
  if (!chain.error) follow(s, view, chain);
  return chain;
}

Chain readChain(const State &s, const View &view) {
  Chain chain;
  chain.first = chain.next = newestMark(s, view.marks);
  do {
    begin(s, chain, chain.next, newestBase(s, view.bases, chain.next));
    if (!chain.error) follow(s, view, chain);
  } while (!chain.error && chain.next);
  return chain;
}

bool holds(const State &s, const Chain &chain, const Point &witness) {
  int g = witness.generation;
  if (!keeps(Rule::witnessHeld) || g == 0 || s.order[g] < s.order[chain.first]) return true;
  if (!(chain.generations >> g & 1)) return false;
  if (witness.number <= chain.skippedTo[g] ||
      (witness.number <= chain.recovered[g] && keeps(Rule::sealNamesRecovered)))
    return true;
  return witness.previous && (chain.visited >> (witness.previous - 1) & 1);
}

// The order is remembered even if the seal is deleted, so that the run which deletes it (rule 16
// broken) fails for that reason.
uint32_t leftBehind(const State &s, const Chain &chain) {
  uint32_t result = 0;
  for (const Entry &e : s.entries)
    if (e.kind == seal && e.isFork && ((s.marks | chain.generations) >> e.successor & 1))
      result |= lineage(s, 0, e.before);
  return result;
}
