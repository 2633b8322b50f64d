// A restore that reads the store in steps, while everything else continues: rule 13.
#include "Steps.h"

static void beginAgain(Reader &reader) {
  reader.stage = 1, reader.generation = 0, reader.base = 0, reader.entries = 0, reader.merged = 0;
}

// All is listed: bases were listed again, and the one that was used must still be there.
static void end(const State &s, State &t) {
  const View store = wholeStore(s);
  Reader &r = t.reader;
  if (!(store.bases >> r.base & 1)) {
    beginAgain(r);
    return;
  }
  View view{s.reader.entries, store.bases, s.reader.merged, store.marks};
  Chain chain = readGeneration(s, view, r.generation, r.base);
  if (chain.error) {
    r.missed = 1;
    return;
  }
  if (chain.next) {  // the seal's successor is read in the same way
    r.stage = 2, r.generation = chain.next, r.base = 0, r.entries = 0, r.merged = 0;
    return;
  }
  // A witness of an older generation was checked when the reader left that generation.
  const Point &witness = s.reader.witness;
  bool held = s.order[witness.generation] < s.order[r.generation] || holds(s, chain, witness);
  if (chain.provesLoss || !held) {
    beginAgain(r);
    return;
  }
  uint32_t missing = s.reader.storedBefore & ~leftBehind(s, readChain(s, store)) & ~leftBehind(s, chain) &
                     ~lineage(s, 0, chain.tip.node);
  r = Reader{};
  r.stage = 6, r.missed = missing != 0;
}

void stepsOfReader(const State &s, Nexts &nexts) {
  const Reader &reader = s.reader;
  State t = s;
  Reader &r = t.reader;
  const View store = wholeStore(s);
  bool entriesNow = (reader.stage == 3) == keeps(Rule::entriesListedFirst);
  switch (reader.stage) {
    case 0:  // the witness comes first
      r.stage = 1, r.storedBefore = storedNodes(s), r.witness = s.witness;
      nexts.push_back({t, {Does::readerBegins}});
      break;
    case 1:
      if (!s.marks) break;
      r.stage = 2, r.generation = newestMark(s, s.marks);
      nexts.push_back({t, {Does::readerReadsMark}});
      break;
    case 2: {
      int base = newestBase(s, store.bases, reader.generation);
      if (base < 0)
        beginAgain(r);
      else
        r.stage = 3, r.base = base;
      nexts.push_back({t, {Does::readerListsBases}});
      break;
    }
    case 3:
    case 4:
      r.stage++;
      if (entriesNow) {
        for (int i = 0; i < entryLimit; i++)
          if (s.entries[i].isPresent && s.entries[i].generation == reader.generation) r.entries |= 1u << i;
      } else {
        r.merged = store.merged;
      }
      nexts.push_back({t, {entriesNow ? Does::readerListsEntries : Does::readerListsMerged}});
      break;
    case 5:
      end(s, t);
      nexts.push_back({t, {Does::readerEnds}});
      break;
  }
}
