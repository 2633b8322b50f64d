// The table of starts.
#include "Sessions.h"

static void begin(State &t, int who, const Point &tip) {
  Session &session = t.sessions[who];
  session.phase = running, session.listed = 0, session.witness = Point{};
  session.countedAt = session.sending = tip;
}

// Row f: the chain ends at the place of the record's last entry. Only then does the record prove that the
// file holds all of the chain, and exactly that entry is lost.
bool lostLastEntry(const State &s, const Point &tip, const File &file) {
  const Point &record = file.record;
  if (file.isReplaced || !record.generation || !record.previous || record.generation != tip.generation)
    return false;
  if (!keeps(Rule::onlyLastIsLost)) return tip.number < record.number;
  const Entry &last = s.entries[record.previous - 1];
  return last.generation == tip.generation && last.number == tip.number && last.part == tip.part &&
         last.previous == tip.previous;
}

// First a turn at the record's place: a session that stands there, past the gap, meets it and is
// fenced.
static void beginRecovery(State &t, int who, const Point &tip, const Point &record) {
  begin(t, who, record);
  t.sessions[who].isRecovering = 1;
  if (keeps(Rule::turnAtRecord)) {
    newEntry(t, who, turn, record);
  } else {
    t.sessions[who].countedAt = tip;
    newGeneration(t, who, tip, false, record.number);
  }
}

// The table of starts. Returns with the session running or ended.
static void decide(State &t, int who, const Chain &chain, const Point &witness) {
  const File &file = t.files[run->file[who]];
  const Point &tip = chain.tip;
  int node = file.node;
  auto begins = [&](bool isFork, int recovered) {
    begin(t, who, tip);
    newGeneration(t, who, tip, isFork, recovered);
  };
  if (chain.error) return finish(t, who);
  if (tip.generation == 0) return begins(false, 0);  // g
  if (chain.provesLoss || !holds(t, chain, witness)) {
    if (lostLastEntry(t, tip, file))
      beginRecovery(t, who, tip, file.record);  // f
    else if (run->mayFork[who])
      begins(true, 0);  // as d
    else
      finish(t, who);
    return;
  }
  bool continues = isAncestor(t, tip.node, node) && !changedBetween(t, tip.node, node);
  if (continues && (keeps(Rule::nameTellsPrevious) || tip.part == 1)) return begin(t, who, tip);  // a, b
  // Between the record's place and the tip no transaction was stored: only turns, or parts of one.
  bool isAtTip = file.record.generation && file.record.generation == tip.generation &&
                 file.record.number == tip.number && holds(t, chain, file.record);
  bool recordIsTip = isAtTip || (!keeps(Rule::recordNamesTip) && file.record.generation);
  bool isThisFile = !file.isReplaced || !keeps(Rule::recordOfThisFile);
  if (!isAncestor(t, node, tip.node) && recordIsTip && isThisFile)
    return begins(false, 0);                                                        // e; c comes first
  if (lostLastEntry(t, tip, file)) return beginRecovery(t, who, tip, file.record);  // f
  if (run->mayFork[who]) return begins(true, 0);                                    // c, d, by order
  finish(t, who);                                                                   // c, d
}

void stepsOfStart(const State &s, const Chain &chain, int who, Nexts &nexts) {
  const Session &session = s.sessions[who];
  const File &file = s.files[run->file[who]];
  uint8_t me = uint8_t(who);
  if (session.phase == hasListed) {
    View view = wholeStore(s);
    view.entries = session.listed;
    Chain read = readChain(s, view);
    State t = s;
    decide(t, who, read, session.witness);
    nexts.push_back({t, {Does::decides, me}});
    uint32_t unmarked = read.error ? 0 : read.generations & ~s.marks & ~1u;
    if (!unmarked) return;
    t.marks |= unmarked;  // rule 11
    nexts.push_back({t, {Does::decidesAndMarks, me}});
    return;
  }
  bool proven = chain.provesLoss || !holds(s, chain, s.witness);
  if (run->mayRestore[who] && !chain.error && !proven && chain.tip.generation &&
      file.node != chain.tip.node) {
    State t = s;
    File &f = t.files[run->file[who]];
    f.node = chain.tip.node, f.synced = f.node, f.isReplaced = 0,
    f.record = chain.tip.part == 1 ? chain.tip : Point{};
    nexts.push_back({t, {Does::restores, me}});
  }
  State t = s;
  t.sessions[who].phase = hasListed, t.sessions[who].listed = wholeStore(s).entries,
  t.sessions[who].witness = s.witness;
  nexts.push_back({t, {Does::lists, me}});
  // One listing from the record's last entry on: it is there, and nothing after it.
  const Point &record = file.record;
  if (!run->maySkipReading[who] || !record.generation || file.isReplaced) return;
  int last = int(record.previous) - 1;
  if (last >= 0 && s.entries[last].generation == record.generation && !s.entries[last].isPresent) return;
  for (int i = 0; i < entryLimit; i++)
    if (i != last && s.entries[i].isPresent && s.entries[i].generation == record.generation &&
        s.entries[i].number >= record.number)
      return;
  if (!isAncestor(s, record.node, file.node) || changedBetween(s, record.node, file.node)) return;
  State u = s;
  begin(u, who, record);
  nexts.push_back({u, {Does::startsFromRecord, me}});
}
