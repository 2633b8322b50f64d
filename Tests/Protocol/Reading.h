// How a reader follows the chain in its listings: rules 12, 14 and 15.
#pragma once
#include "Configuration.h"
#include "State.h"

// The listings of a reader: sets of indices.
struct View {
  uint32_t entries, bases, merged, marks;
};

struct Chain {
  const char *error = nullptr;
  Point tip{};
  uint32_t visited = 0;      // entries on the chain
  uint32_t generations = 0;  // generations that it passes
  int first = 0, next = 0;   // the generation where it begins; with `onlyOne`, where the seal leads
  uint8_t skippedTo[generationLimit] =
      {};  // the number up to which a base or a merged object stands for the entries
  uint8_t recovered[generationLimit] =
      {};  // the number up to which the seal's successor recovers what was lost
  bool voidsParts = false, provesLoss = false;
};

View wholeStore(const State &s);
int newestMark(const State &s, uint32_t marks);
// The newest base of a generation, or -1.
int newestBase(const State &s, uint32_t bases, int generation);
Chain readChain(const State &s, const View &view);
// Reads one generation from one base on.
Chain readGeneration(const State &s, const View &view, int generation, int base);
// Rule 15: does the chain hold a stored place?
bool holds(const State &s, const Chain &chain, const Point &witness);
// The entry that stands at a place, or -1.
int occupant(const State &s, const Entry &place);
// What forks by order left behind.
uint32_t leftBehind(const State &s, const Chain &chain);
// A number is covered (see "Words").
bool isCovered(const State &s, int generation, int number);

// The first violated invariant, or null.
const char *violation(const State &s, const Chain &chain);
const char *violationOfStep(const Chain &chainBefore, const State &after, const Chain &chainAfter);
