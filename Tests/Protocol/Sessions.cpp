// The steps of running sessions: commit, send, count what is stored, maintain. Rules 2 to 11.
#include "Sessions.h"

// An ended session's knowledge is cleared, so that states that differ in nothing else are one.
void finish(State &t, int who) {
  t.sessions[who] = Session{};
  t.sessions[who].phase = ended;
  for (int k = 0; k < entriesPerSession; k++) t.entries[who * entriesPerSession + k].isKnown = 0;
}

Entry &newEntry(State &t, int who, Kind kind, const Point &place) {
  Session &session = t.sessions[who];
  Entry &e = t.entries[who * entriesPerSession + session.entries++];
  e = Entry{};
  e.kind = kind, e.generation = place.generation, e.number = place.number, e.part = place.part,
  e.previous = place.previous;
  e.isSent = 1;
  return e;
}

// Rule 9: the base of the new generation is stored, then its seal is sent to the current tip.
void newGeneration(State &t, int who, const Point &tip, bool isFork, int recovers) {
  Session &session = t.sessions[who];
  int node = t.files[run->file[who]].node, generation = 2 + who;
  int id = who * entriesPerSession + session.entries + 1;
  Entry &e = newEntry(t, who, seal, tip);
  e.before = tip.node, e.after = node, e.successor = generation, e.isFork = isFork, e.recovers = recovers;
  int number = (recovers > int(tip.number) ? recovers : int(tip.number)) +
               1;  // the base counts as transaction (tip + 1)
  Base &b = t.bases[generation];
  b.generation = generation, b.number = number, b.previous = id, b.node = node;
  b.isPresent = keeps(Rule::baseBeforeSeal), b.isSent = run->lateMaintenance && b.isPresent;
  t.order[generation] = t.order[tip.generation] + 1, t.sealOf[generation] = id;
  if (!keeps(Rule::markAfterSeal)) t.marks |= 1u << generation;
  session.sending = Point{};
  session.sending.generation = generation, session.sending.number = number, session.sending.part = 1;
  session.sending.previous = id, session.sending.node = node;
}

static bool hasMore(const State &s, const Session &session, int node) {
  return node != int(session.sending.node) && isAncestor(s, session.sending.node, node) &&
         !changedBetween(s, session.sending.node, node);
}

static void send(const State &s, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  int node = s.files[run->file[who]].node, parts = run->twoParts[who] ? 2 : 1;
  if (session.entries == 0 && keeps(Rule::turnFirst)) {  // rule 4
    if (!hasMore(s, session, node)) return;
    State t = s;
    Session &u = t.sessions[who];
    newEntry(t, who, turn, session.sending);
    u.sending.part = 1, u.sending.previous = who * entriesPerSession + 1;
    nexts.push_back({t, {Does::sendsTurn, uint8_t(who)}});
    return;
  }
  if (!hasMore(s, session, node) || int(session.entries - session.counted) >= run->inFlight ||
      session.entries + parts > entriesPerSession)
    return;
  State t = s;
  Session &u = t.sessions[who];
  const int number = u.sending.number, before = u.sending.node,
            last = number + depth(s, node) - depth(s, before) - 1;
  for (int part = 1; part <= parts; part++) {
    Entry &e = newEntry(t, who, slice, u.sending);
    e.isLastPart = part == parts, e.lastNumber = last, e.before = before, e.after = node;
    e.storedUpTo = session.isConfirmed ? session.countedAt.number - 1 : 0;
    u.sending.previous = who * entriesPerSession + u.entries, u.sending.part = part + 1;
  }
  u.sending.number = last + 1, u.sending.part = 1, u.sending.node = node;
  nexts.push_back({t, {Does::sendsSlice, uint8_t(who)}});
}

static void sealOwn(const State &s, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  bool idle = !session.isRecovering && session.entries && session.counted == session.entries &&
              session.entries < entriesPerSession;
  if (!run->maySeal[who] || !idle || s.sealOf[2 + who] || session.countedAt.part != 1 ||
      !session.countedAt.generation)
    return;
  if (s.files[run->file[who]].node != session.countedAt.node) return;
  State t = s;
  newGeneration(t, who, session.countedAt, false, 0);
  nexts.push_back({t, {Does::seals, uint8_t(who)}});
}

// Row f, after its turn is confirmed: the seal goes to the place where the chain ends now.
static void sealRecovery(const State &s, const Chain &chain, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  if (!session.isRecovering || session.entries != 1 || session.counted != 1 || chain.error) return;
  if (!lostLastEntry(s, chain.tip, s.files[run->file[who]])) return;
  State t = s;
  newGeneration(t, who, chain.tip, false, session.countedAt.number);
  nexts.push_back({t, {Does::recovers, uint8_t(who)}});
}

static void store(State &t, const Entry &e) {
  uint32_t nodes = lineage(t, e.before, e.after);
  for (int node = 1; node < nodeLimit; node++)
    if ((nodes >> node & 1) && !t.storedIn[node]) t.storedIn[node] = e.generation;
}

static void writeRecord(State &t, int who) {
  const Point &at = t.sessions[who].countedAt;
  File &file = t.files[run->file[who]];
  if (at.part == 1 && at.generation && !file.isReplaced) file.record = at;
}

// Rule 5. In generation 0 the mark was created once: nothing is left to confirm.
static bool needsConfirmation(const Session &session, const Entry &e) {
  if (session.isRecovering && e.kind == seal) return true;
  if (session.counted || e.kind == slice || e.generation == 0) return false;
  return keeps(e.kind == turn ? Rule::confirmTurn : Rule::confirmSeal);
}

// Lists from the entry before on. If that entry is gone, or another session's entry follows it, the
// chain is read.
static bool isConfirmed(const State &s, const Chain &chain, int who, int id) {
  const Entry &e = s.entries[id];
  if (s.sessions[who].isRecovering && e.kind == seal) return chain.visited >> id & 1;
  int before = int(e.previous) - 1;
  if (before >= 0 && !s.sessions[who].isRecovering && s.entries[before].generation == e.generation &&
      !s.entries[before].isPresent)
    return chain.visited >> id & 1;
  for (int i = 0; i < entryLimit; i++)
    if (s.entries[i].isPresent && i / entriesPerSession != who && s.entries[i].generation == e.generation &&
        s.entries[i].number >= e.number)
      return chain.visited >> id & 1;
  return true;
}

// Rule 6: the oldest entry that was not counted yet is known to be created.
static void count(const State &s, const Chain &chain, int who, Nexts &nexts) {
  int id = who * entriesPerSession + s.sessions[who].counted;
  const Entry &e = s.entries[id];
  State t = s;
  Session &u = t.sessions[who];
  if (needsConfirmation(u, e) && !isConfirmed(s, chain, who, id)) {
    finish(t, who);
    nexts.push_back({t, {Does::isFenced, uint8_t(who), uint8_t(id)}});
    return;
  }
  u.counted++, u.isConfirmed = 1;
  t.entries[id].isKnown = 0;
  Point &at = u.countedAt;
  at.previous = id + 1;
  if (e.kind == turn) {
    at.part = 1;
  } else if (e.kind == seal) {
    Base &b = t.bases[e.successor];
    if (!keeps(Rule::baseBeforeSeal)) b.isPresent = 1;
    at.generation = e.successor, at.number = b.number, at.part = 1, at.node = b.node;
    u.isRecovering = 0;
    (run->lateMaintenance ? t.marksSent : t.marks) |= 1u << e.successor;
  } else if (!e.isLastPart) {
    at.part = e.part + 1;
  } else {
    at.number = e.lastNumber + 1, at.part = 1, at.node = e.after;
    store(t, e);
  }
  // While a session recovers, the record stays: it names the lost entry.
  if (!u.isRecovering && (!run->powerLoss[run->file[who]] || !keeps(Rule::syncedBeforeRecord)))
    writeRecord(t, who);
  nexts.push_back({t, {Does::counts, uint8_t(who), uint8_t(id)}});
}

// Rule 3, and rule 7 if another session's entry is met.
static void answers(const State &s, const Chain &chain, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  for (int k = session.counted; k < int(session.entries); k++) {
    int id = who * entriesPerSession + k, found = occupant(s, s.entries[id]);
    if (s.entries[id].isKnown || found < 0 || !s.entries[id].isSent) continue;
    State t = s;
    bool isOurs = found == id || !keeps(Rule::bytesDecide);
    if (isOurs)
      t.entries[id].isKnown = 1;
    else
      finish(t, who);
    nexts.push_back({t, {isOurs ? Does::learns : Does::meetsOther, uint8_t(who), uint8_t(id)}});
  }
  if (session.counted == session.entries) return;
  if (s.entries[who * entriesPerSession + session.counted].isKnown) count(s, chain, who, nexts);
  if (keeps(Rule::unbrokenPrefix)) return;
  for (int k = session.counted + 1; k < int(session.entries); k++) {
    const Entry &e = s.entries[who * entriesPerSession + k];
    if (!e.isKnown || e.kind != slice || !e.isLastPart || s.storedIn[e.after]) continue;
    State t = s;
    store(t, e);
    nexts.push_back({t, {Does::storesOutOfOrder, uint8_t(who), uint8_t(who * entriesPerSession + k)}});
  }
}

// Rule 10: from the newest base on, or, if objects may overlap, from a later slice of the chain on.
static void merge(const State &s, const Chain &chain, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  bool early = !keeps(Rule::mergeOfStored);
  const Point &end = early ? session.sending : session.countedAt;
  if (session.hasMerged || !session.entries || !(session.counted || early) || !end.generation ||
      end.part != 1)
    return;
  int base = newestBase(s, wholeStore(s).bases, end.generation);
  if (base < 0) return;
  auto make = [&](int first, int before) {
    if (int(end.number) <= first) return;
    for (const Merged &m : s.merged)
      if (m.isPresent && m.generation == end.generation && int(m.first) <= first && m.last + 1 >= end.number)
        return;
    State t = s;
    Merged &m = t.merged[who];
    m.generation = end.generation, m.first = first, m.last = end.number - 1, m.before = before,
    m.after = end.node, m.previous = end.previous;
    m.isSent = run->lateMaintenance, m.isPresent = !m.isSent;
    t.sessions[who].hasMerged = 1;
    nexts.push_back({t, {Does::merges, uint8_t(who)}});
  };
  make(s.bases[base].number, s.bases[base].node);
  if (!run->mayOverlap) return;
  for (int i = 0; i < entryLimit; i++) {
    const Entry &e = s.entries[i];
    if ((chain.visited >> i & 1) && e.kind == slice && e.part == 1 && e.generation == end.generation &&
        e.number > s.bases[base].number)
      make(e.number, e.before);
  }
}

static void makeBase(const State &s, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  bool early = !keeps(Rule::baseOfStored);
  const Point &end = early ? session.sending : session.countedAt;
  if (session.hasBase || !session.entries || !(session.counted || early) || !end.generation || end.part != 1)
    return;
  int base = newestBase(s, wholeStore(s).bases, end.generation);
  if (base < 0 || s.bases[base].number >= end.number) return;
  State t = s;
  Base &b = t.bases[generationLimit + who];
  b.generation = end.generation, b.number = end.number, b.previous = end.previous, b.node = end.node;
  b.isSent = run->lateMaintenance, b.isPresent = !b.isSent;
  t.sessions[who].hasBase = 1;
  nexts.push_back({t, {Does::makesBase, uint8_t(who)}});
}

// The record beside the file, after the log was synced (row e), and `lease.txt` (rule 15).
static void note(const State &s, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  const int f = run->file[who];
  const Point &at = session.countedAt;
  if (run->powerLoss[f] && keeps(Rule::syncedBeforeRecord) && session.counted && at.part == 1 &&
      !samePlace(s.files[f].record, at) && isAncestor(s, at.node, s.files[f].node)) {
    State t = s;
    writeRecord(t, who);
    t.files[f].synced = s.files[f].node;
    nexts.push_back({t, {Does::writesRecord, uint8_t(who)}});
  }
  if (!run->witnesses || session.isRecovering) return;
  const bool early = !keeps(Rule::witnessOfStored);
  const Point &place = early ? session.sending : at;
  if (!(session.counted || (early && session.entries)) || place.part != 1 || !place.generation ||
      samePlace(s.witness, place))
    return;
  bool replaces =
      s.witness.generation == 0 || run->mayFork[who] ||
      (keeps(Rule::witnessContinued) ? isAncestor(s, s.witness.node, place.node)
                                     : s.order[place.generation] >= s.order[s.witness.generation]);
  if (!replaces || (s.witness.generation == place.generation && s.witness.number > place.number)) return;
  State t = s;
  t.witness = place, t.witnessed |= lineage(s, 0, place.node);
  nexts.push_back({t, {Does::writesWitness, uint8_t(who)}});
}

void stepsOfSessions(const State &s, const Chain &chain, Nexts &nexts) {
  for (int who = 0; who < run->sessions; who++) {
    const Session &session = s.sessions[who];
    if (session.phase == notStarted || session.phase == hasListed) stepsOfStart(s, chain, who, nexts);
    if (session.phase != running) continue;
    if (int(session.commits) < run->commits[who]) {
      State t = s;
      int f = run->file[who], node = 1 + who * commitsPerSession + session.commits;
      t.parent[node] = s.files[f].node, t.files[f].node = node, t.sessions[who].commits++;
      nexts.push_back({t, {Does::commits, uint8_t(who), uint8_t(node)}});
    }
    if (!session.isRecovering) send(s, who, nexts);
    sealRecovery(s, chain, who, nexts);
    sealOwn(s, who, nexts);
    answers(s, chain, who, nexts);
    if (run->mayMerge) merge(s, chain, who, nexts);
    if (run->mayBase) makeBase(s, who, nexts);
    note(s, who, nexts);
  }
  // A broken assumption: a machine is cloned while its session runs, so one session's memory exists
  // twice.
  if (run->clonedSession && s.sessions[1].phase == notStarted && s.sessions[0].phase == running &&
      s.sessions[0].entries && s.sessions[0].counted == s.sessions[0].entries) {
    State t = s;
    Session &clone = t.sessions[1];
    clone = s.sessions[0];
    clone.entries = clone.counted = 1, clone.commits = 0, clone.hasMerged = 0;
    t.files[run->file[1]].node = s.files[run->file[0]].node;
    nexts.push_back({t, {Does::isCloned, 1}});
  }
}
