// Every possible next step of a state. A crash needs no step: a session that does nothing more has
// crashed.
#pragma once
#include <string>
#include <vector>
#include "Reading.h"

enum class Does : uint8_t {
  entryLands,
  mergedLands,
  baseLands,
  markLands,
  entryDeleted,
  lateDelete,
  mergedDeleted,
  baseDeleted,
  outsiderDeletes,
  restores,
  lists,
  startsFromRecord,
  decides,
  decidesAndMarks,
  commits,
  sendsTurn,
  sendsSlice,
  seals,
  recovers,
  learns,
  meetsOther,
  counts,
  isFenced,
  storesOutOfOrder,
  merges,
  makesBase,
  writesRecord,
  writesWitness,
  isCloned,
  othersChange,
  powerFails,
  isReplaced,
  readerBegins,
  readerReadsMark,
  readerListsBases,
  readerListsEntries,
  readerListsMerged,
  readerEnds,
};

struct Step {
  Does what;
  uint8_t who = 0, detail = 0;
};

struct Next {
  State state;
  Step step;
};
using Nexts = std::vector<Next>;

void stepsOfSessions(const State &s, const Chain &chain, Nexts &nexts);
void stepsOfStore(const State &s, const Chain &chain, Nexts &nexts);
void stepsOfReader(const State &s, Nexts &nexts);

// One step as a line of a trace; `s` is a later state, which still holds every entry.
std::string describe(Step step, const State &s);
