// Requests that take effect, late or again (rule 1); deletions (rules 16 to 19); events outside of
// the protocol.
#include "Steps.h"

static void landings(const State &s, Nexts &nexts) {
  for (int i = 0; i < entryLimit; i++) {
    if (!s.entries[i].isSent || occupant(s, s.entries[i]) >= 0) continue;
    State t = s;
    Entry &e = t.entries[i];
    e.isPresent = 1;
    if (e.generation == 0) t.marks |= 1u << e.successor;
    nexts.push_back({t, {Does::entryLands, uint8_t(i)}});
  }
  for (int i = 0; i < sessionLimit; i++)
    if (s.merged[i].isSent && !s.merged[i].isPresent) {
      State t = s;
      t.merged[i].isPresent = 1;
      nexts.push_back({t, {Does::mergedLands, uint8_t(i)}});
    }
  for (int i = 0; i < baseLimit; i++)
    if (s.bases[i].isSent && !s.bases[i].isPresent) {
      State t = s;
      t.bases[i].isPresent = 1;
      nexts.push_back({t, {Does::baseLands, uint8_t(i)}});
    }
  for (int g = 1; g < generationLimit; g++)
    if ((s.marksSent & ~s.marks) >> g & 1) {
      State t = s;
      t.marks |= 1u << g;
      nexts.push_back({t, {Does::markLands, uint8_t(g)}});
    }
}

// Rule 18: the successor is marked. (Broken: it is on the chain.)
static bool isRetired(const State &s, const Chain &chain, int generation) {
  uint32_t later = keeps(Rule::markBeforeRetention) ? s.marks : s.marks | chain.generations;
  for (int g = 1; g < generationLimit; g++)
    if ((later >> g & 1) && s.order[g] > s.order[generation]) return true;
  return false;
}

// Rule 16.
static bool mayDelete(const State &s, const Chain &chain, int id) {
  const Entry &e = s.entries[id];
  bool retired = run->mayRetain && isRetired(s, chain, e.generation);
  if (!e.isPresent || e.generation == 0) return false;
  if (e.kind == turn && keeps(Rule::turnsStay)) return false;
  if (e.kind == seal && (keeps(Rule::sealsStay) || !retired)) return false;
  if (int(chain.tip.previous) == id + 1 && keeps(Rule::tipStays)) return false;
  if (retired) return true;
  int last = e.kind == slice ? e.lastNumber : e.number;
  for (int number = e.number; number <= last; number++)
    if (!isCovered(s, e.generation, number)) return false;
  return true;
}

static void entryDeletions(const State &s, const Chain &chain, Nexts &nexts) {
  for (int i = 0; i < entryLimit; i++) {
    if (mayDelete(s, chain, i)) {
      State t = s;
      t.entries[i].isPresent = 0, t.entries[i].wasDeleted = 1;
      nexts.push_back({t, {Does::entryDeleted, uint8_t(i)}});
    }
    if (!s.entries[i].wasDeleted) continue;
    int other = occupant(s, s.entries[i]);  // a DELETE goes by name, and may land late
    if (other < 0 || other == i) continue;
    State t = s;
    t.entries[other].isPresent = 0;
    nexts.push_back({t, {Does::lateDelete, uint8_t(other)}});
  }
}

// Rule 17: one strictly larger object covers it, or no base is left below it; rule 18.
static bool mayDeleteMerged(const State &s, const Chain &chain, int index) {
  const Merged &m = s.merged[index];
  if (run->mayRetain && isRetired(s, chain, m.generation)) return true;
  if (!keeps(Rule::largerMergedFirst)) return true;
  for (const Merged &o : s.merged)
    if (o.isPresent && o.generation == m.generation && o.first <= m.first && m.last <= o.last &&
        o.last - o.first > m.last - m.first)
      return true;
  bool any = false;
  for (const Base &b : s.bases)
    if (b.isPresent && b.generation == m.generation) {
      if (b.number <= m.last) return false;
      any = true;
    }
  return any;
}

// Rule 19: the place of an orphan's seal is taken by another entry, or its number is covered, or its
// generation is retired.
static bool mayDeleteOrphan(const State &s, const Chain &chain, int generation) {
  if (!run->mayRemoveOrphans || ((s.marks | chain.generations) >> generation & 1) || !s.sealOf[generation])
    return false;
  if (!keeps(Rule::orphansWait)) return true;
  int id = s.sealOf[generation] - 1;
  const Entry &e = s.entries[id];
  int other = occupant(s, e);
  return (other >= 0 && other != id) ||
         (e.generation && (isCovered(s, e.generation, e.number) || isRetired(s, chain, e.generation)));
}

// Rule 17: a later base of the generation is there, and no older one; rules 18 and 19.
static bool mayDeleteBase(const State &s, const Chain &chain, int index) {
  const Base &b = s.bases[index];
  if (run->mayRetain && isRetired(s, chain, b.generation)) return true;
  if (index < generationLimit && mayDeleteOrphan(s, chain, index)) return true;
  bool later = false;
  for (const Base &o : s.bases) {
    if (!o.isPresent || o.generation != b.generation) continue;
    if (o.number < b.number) return false;
    later |= o.number > b.number;
  }
  return later;
}

static void otherDeletions(const State &s, const Chain &chain, Nexts &nexts) {
  for (int i = 0; i < sessionLimit; i++) {
    const Merged &m = s.merged[i];
    if (!m.isPresent || !(mayDeleteMerged(s, chain, i) || (m.wasDeleted && run->lateMaintenance))) continue;
    State t = s;
    t.merged[i].isPresent = 0, t.merged[i].wasDeleted = run->lateMaintenance;
    nexts.push_back({t, {Does::mergedDeleted, uint8_t(i)}});
  }
  for (int i = 0; i < baseLimit; i++) {
    const Base &b = s.bases[i];
    if (!b.isPresent || !(mayDeleteBase(s, chain, i) || (b.wasDeleted && run->lateMaintenance))) continue;
    State t = s;
    t.bases[i].isPresent = 0, t.bases[i].wasDeleted = run->lateMaintenance;
    nexts.push_back({t, {Does::baseDeleted, uint8_t(i)}});
  }
}

static void outsiders(const State &s, Nexts &nexts) {
  if (run->outsiderDeletes && !s.losses)
    for (int i = 0; i < entryLimit; i++)
      if (s.entries[i].isPresent && s.entries[i].kind == slice) {
        State t = s;
        t.entries[i].isPresent = t.entries[i].isSent = 0, t.losses = 1;
        nexts.push_back({t, {Does::outsiderDeletes, uint8_t(i)}});
      }
  for (int f = 0; f < fileLimit; f++) {
    const File &file = s.files[f];
    if (run->changesByOthers[f] && !file.changes && s.parent[changedByOthers] == noParent) {
      State t = s;
      t.files[f].changes = 1, t.parent[changedByOthers] = file.node, t.files[f].node = changedByOthers;
      nexts.push_back({t, {Does::othersChange, uint8_t(f)}});
    }
    if (run->replacedFile[f] && !file.isReplaced) {
      State t = s;
      t.files[f].isReplaced = 1, t.files[f].node = unrelated;
      nexts.push_back({t, {Does::isReplaced, uint8_t(f)}});
    }
    if (run->powerLoss[f] && !file.losses && file.node != run->content[f] &&
        (file.node != file.synced || !keeps(Rule::syncedBeforeRecord))) {
      State t = s;
      t.files[f].losses = 1, t.files[f].node = s.parent[file.node];
      for (int i = 0; i < run->sessions; i++)
        if (run->file[i] == f && s.sessions[i].phase != notStarted)
          t.sessions[i] = Session{}, t.sessions[i].phase = ended;
      nexts.push_back({t, {Does::powerFails, uint8_t(f)}});
    }
  }
}

void stepsOfStore(const State &s, const Chain &chain, Nexts &nexts) {
  landings(s, nexts);
  if (run->mayMerge || run->mayBase || run->mayRetain) entryDeletions(s, chain, nexts);
  if (run->mayMerge || run->mayBase || run->mayRetain || run->mayRemoveOrphans)
    otherDeletions(s, chain, nexts);
  outsiders(s, nexts);
}
