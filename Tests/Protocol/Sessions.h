// Common parts of starting and running sessions.
#pragma once
#include "Steps.h"

void finish(State &t, int who);
// Adds an entry to a session's own and sends it.
Entry &newEntry(State &t, int who, Kind kind, const Point &place);
// Rule 9: stores a base and sends the seal that names it to the tip. Row f: `recovers` is the record's
// number.
void newGeneration(State &t, int who, const Point &tip, bool isFork, int recovers);
// Row f: the chain ends at the place of the record's last entry.
bool lostLastEntry(const State &s, const Point &tip, const File &file);
void stepsOfStart(const State &s, const Chain &chain, int who, Nexts &nexts);
