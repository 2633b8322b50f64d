// The settings of a run: who takes part, what may happen, which rules are broken, and what must be
// seen.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "State.h"

// The rules that can be broken, with their numbers in Docs/Protocol.md.
enum class Rule {
  nameTellsPrevious,    // 1: a name ends with the id of the entry before
  bytesDecide,          // 3: "exists" counts as success only if the very bytes are there
  turnFirst,            // 4: the first entry is a turn
  confirmTurn,          // 5: a turn is confirmed before anything is stored
  confirmSeal,          // 5: so is a seal that is a session's first entry
  unbrokenPrefix,       // 6: only an unbroken prefix of own entries is stored
  baseBeforeSeal,       // 9: the base of a new generation is stored before its seal is sent
  markAfterSeal,        // 9: the mark is written after the seal is confirmed
  baseOfStored,         // 10: a base holds stored transactions only
  mergeOfStored,        // 10: so does a merged object
  mergedOutrank,        // 12: a merged object outranks the slots of its numbers
  entriesListedFirst,   // 13: wal/ is listed before merged/
  lossBeyondEnd,        // 14: what lies beyond the end proves a loss
  witnessHeld,          // 15: a chain that does not hold the witness is an error
  witnessOfStored,      // 15: a witness names a stored place
  witnessContinued,     // 15: a witness is replaced only by a place that continues it
  tipStays,             // 16: the last entry of the chain is not deleted
  turnsStay,            // 16: a turn is never deleted
  sealsStay,            // 16: nor is a seal
  largerMergedFirst,    // 17: a merged object goes after a larger one is there
  markBeforeRetention,  // 18: a generation goes after its successor is marked
  orphansWait,          // 19: an orphan goes after the place of its seal is taken
  recordNamesTip,       // row e: the record names the tip itself
  recordOfThisFile,     // row e: the record was written for this very file
  syncedBeforeRecord,   // row e: what the record names is on the local disk
  onlyLastIsLost,       // row f: the chain ends at the place of the record's last entry
  turnAtRecord,         // row f: a turn at the record's place comes before the seal
  sealNamesRecovered,   // row f: the seal names what its generation recovers
};

// Events that a run must meet at least once. Otherwise it might hold because nothing happened.
enum Sight : uint32_t {
  twoWriters = 1,
  partsVoided = 2,
  strayEntries = 4,
  freedPlaces = 8,
  forks = 16,
  newGenerations = 32,
  cameBack = 64,
  lossReported = 128,
  recovered = 256,
  restoreEnded = 512,
  overlaps = 1024,
};
constexpr const char *sightNames[] = {
    "two writers",       "voided parts",      "stray entries",   "freed places",     "forks",
    "new generations",   "objects come back", "losses reported", "losses recovered", "restores in steps",
    "overlapping merges"};

struct Configuration {
  std::string name;
  bool isQuick = false;
  int sessions = 3;
  int file[sessionLimit] = {0, 1, 0, 2};     // the file that session i works on
  int commits[sessionLimit] = {2, 1, 1, 1};  // maximum commits of session i
  int inFlight = 1;                          // maximum entries of a session on their way
  bool twoParts[sessionLimit] = {};          // its transactions are slices of two parts
  bool mayRestore[sessionLimit] = {};        // its file may be restored from the replica before it starts
  bool mayFork[sessionLimit] = {};           // the user ordered a fork
  bool maySeal[sessionLimit] = {};  // it may begin a new generation while it runs (another page size, …)
  bool maySkipReading[sessionLimit] = {};  // it may start from the record with one listing
  bool mayMerge = false, mayOverlap = false, mayBase = false, mayRetain = false, mayRemoveOrphans = false;
  bool lateMaintenance = false;  // merged objects, bases and marks also land late and again
  bool witnesses = false;        // sessions write lease.txt
  bool restoreInSteps = false;
  bool isEmptyAtFirst = false;
  bool changesByOthers[fileLimit] = {}, powerLoss[fileLimit] = {}, replacedFile[fileLimit] = {};
  bool outsiderDeletes = false, clonedSession = false;  // events that are assumed not to happen
  int content[fileLimit] = {};                          // the content of the files at the beginning
  uint32_t broken = 0;                                  // rules
  bool mustFail = false;
  uint32_t mustSee = 0;  // sights

  void breakRule(Rule rule) {
    broken |= 1u << int(rule);
    mustFail = true;
  }
};

extern const Configuration *run;
inline bool keeps(Rule rule) { return !(run->broken >> int(rule) & 1); }

std::vector<Configuration> allConfigurations();
