#include "Configuration.h"

namespace {
struct Builder {
  std::vector<Configuration> all;

  // Sessions A and C work on one file, B on another copy. Each commits once, A twice.
  template <typename Change>
  void holds(const char *name, uint32_t mustSee, Change change) {
    Configuration c;
    c.name = name, c.mustSee = mustSee;
    change(c);
    all.push_back(c);
  }
  // The same with rules broken: it must fail.
  template <typename Change>
  void fails(const char *name, std::vector<Rule> rules, Change change) {
    Configuration c;
    c.name = name, c.isQuick = true;
    for (Rule rule : rules) c.breakRule(rule);
    c.mustFail = true;
    change(c);
    all.push_back(c);
  }
};
}  // namespace

static void forkOf(Configuration &c, int session) {
  c.content[c.file[session]] = unrelated;
  c.mayFork[session] = true;
}

static void addProtocol(Builder &b) {
  b.holds("takeover", twoWriters | strayEntries,
          [](Configuration &c) { c.mayRestore[1] = true, c.inFlight = 2; });
  b.holds("takeover-deep", twoWriters | strayEntries, [](Configuration &c) {
    c.isQuick = true, c.sessions = 2, c.mayRestore[1] = true, c.inFlight = 3, c.commits[0] = 3,
    c.commits[1] = 2;
  });
  b.holds("merge", twoWriters | freedPlaces,
          [](Configuration &c) { c.mayMerge = true, c.mayRestore[1] = true; });
  b.holds("merge-long", twoWriters | freedPlaces, [](Configuration &c) {
    c.isQuick = true, c.sessions = 2, c.mayMerge = true, c.mayRestore[1] = true, c.commits[0] = 3,
    c.commits[1] = 3;
  });
  b.holds("merge-pipelined", twoWriters | freedPlaces, [](Configuration &c) {
    c.isQuick = true, c.sessions = 2, c.inFlight = 3, c.mayMerge = true, c.commits[1] = 2,
    c.mayRestore[1] = true;
  });
  b.holds("merge-one-file", twoWriters | freedPlaces,
          [](Configuration &c) { c.mayMerge = true, c.file[1] = 0, c.commits[0] = 1; });
  b.holds("merge-late", twoWriters | freedPlaces | cameBack | overlaps, [](Configuration &c) {
    c.sessions = 2, c.mayMerge = c.mayBase = c.mayOverlap = c.lateMaintenance = true, c.mayRestore[1] = true,
    c.commits[0] = 2, c.commits[1] = 2;
  });
  b.holds("parts", twoWriters | partsVoided, [](Configuration &c) {
    c.sessions = 2, c.twoParts[0] = c.twoParts[1] = true, c.commits[1] = 2, c.inFlight = 2,
    c.mayRestore[1] = true;
  });
  b.holds("parts-merge", partsVoided | freedPlaces, [](Configuration &c) {
    c.isQuick = true, c.sessions = 2, c.twoParts[0] = c.twoParts[1] = true, c.commits[0] = 1, c.inFlight = 2,
    c.mayMerge = true, c.mayRestore[1] = true;
  });
  b.holds("parts-three", twoWriters | partsVoided, [](Configuration &c) {
    c.twoParts[0] = true, c.commits[0] = 1, c.mayMerge = true, c.mayRestore[1] = true;
  });
  b.holds("fork", forks | newGenerations | freedPlaces,
          [](Configuration &c) { forkOf(c, 1), c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true; });
}

static void fork2(Configuration &c) {
  forkOf(c, 1);
  c.sessions = 2;
}

static void addGenerations(Builder &b) {
  b.holds("fork-parts", forks | newGenerations | partsVoided, [](Configuration &c) {
    fork2(c), c.twoParts[0] = c.twoParts[1] = true, c.inFlight = 2,
              c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true;
  });
  b.holds("fork-late", forks | newGenerations | cameBack, [](Configuration &c) {
    fork2(c), c.mayRemoveOrphans = c.mayRetain = c.mayMerge = c.mayBase = c.lateMaintenance = true;
  });
  b.holds("two-forks", forks | newGenerations, [](Configuration &c) {
    forkOf(c, 1), c.file[2] = 1, c.mayFork[2] = true, c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true;
  });
  b.holds("seal-own", twoWriters | newGenerations, [](Configuration &c) {
    c.maySeal[0] = true, c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true, c.mayRestore[1] = true;
  });
  b.holds("seal-own-late", twoWriters | newGenerations | cameBack, [](Configuration &c) {
    c.isQuick = true, c.sessions = 2, c.maySeal[0] = true,
    c.mayRemoveOrphans = c.mayRetain = c.mayMerge = c.lateMaintenance = true, c.mayRestore[1] = true;
  });
  b.holds("other-programs", twoWriters | newGenerations, [](Configuration &c) {
    c.changesByOthers[0] = true, c.commits[0] = 1, c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true,
    c.mayRestore[1] = true;
  });
  b.holds("replaced-file", newGenerations, [](Configuration &c) {
    c.isQuick = true, c.changesByOthers[0] = c.replacedFile[1] = true, c.commits[0] = 1, c.mayMerge = true,
    c.mayRestore[1] = true, c.sessions = 2;
  });
  b.holds("empty-replica", twoWriters | freedPlaces, [](Configuration &c) {
    c.isEmptyAtFirst = true, c.content[0] = changedByOthers, c.content[1] = unrelated,
    c.mayRemoveOrphans = c.mayRetain = c.mayMerge = true;
  });
}

static void addMaintenance(Builder &b) {
  b.holds("base-and-delete", twoWriters | freedPlaces, [](Configuration &c) {
    c.mayBase = c.mayMerge = true, c.sessions = 2, c.inFlight = 2, c.mayRestore[1] = true, c.commits[1] = 2;
  });
  b.holds("base-three", twoWriters | freedPlaces,
          [](Configuration &c) { c.mayBase = c.mayMerge = true, c.commits[0] = 1, c.mayRestore[1] = true; });
  b.holds("power-loss", twoWriters, [](Configuration &c) {
    c.powerLoss[0] = true, c.changesByOthers[0] = true, c.mayMerge = true, c.commits[0] = 1,
    c.mayRestore[1] = true;
  });
  b.holds("record", twoWriters, [](Configuration &c) {
    c.maySkipReading[1] = c.maySkipReading[2] = true, c.mayMerge = true, c.commits[0] = c.commits[2] = 1,
    c.file[1] = 0, c.sessions = 3;
  });
  b.holds("witness", twoWriters, [](Configuration &c) {
    c.witnesses = true, c.mayMerge = true, c.commits[0] = 1, c.mayRestore[1] = true;
  });
  b.holds("witness-seal", newGenerations, [](Configuration &c) {
    c.witnesses = true, c.sessions = 2, c.mayMerge = c.mayRetain = true, c.maySeal[0] = true,
    c.commits[0] = 1, c.mayRestore[1] = true;
  });
  b.holds("reader", twoWriters | restoreEnded, [](Configuration &c) {
    c.sessions = 2, c.restoreInSteps = c.mayMerge = c.mayBase = true, c.mayRestore[1] = true;
  });
  b.holds("reader-late", restoreEnded | cameBack, [](Configuration &c) {
    c.sessions = 2, c.restoreInSteps = c.mayMerge = c.mayBase = c.lateMaintenance = true, c.commits[0] = 2;
  });
  b.holds("reader-fork", restoreEnded | forks, [](Configuration &c) {
    fork2(c), c.commits[0] = 1, c.restoreInSteps = c.mayMerge = c.mayRetain = c.mayRemoveOrphans = true,
              c.mayBase = true;
  });
  b.holds("four-sessions", twoWriters, [](Configuration &c) {
    c.sessions = 4, c.commits[0] = 1, c.mayMerge = true, c.mayRestore[1] = true;
  });
  b.holds("four-and-a-fork", forks, [](Configuration &c) {
    c.sessions = 4, c.commits[0] = 1, c.commits[1] = 1, c.commits[2] = 0,
    c.mayMerge = c.mayRetain = c.mayRemoveOrphans = true, c.content[2] = unrelated, c.mayFork[3] = true;
  });
  b.holds("loss", lossReported | recovered, [](Configuration &c) {
    c.isQuick = true, c.outsiderDeletes = c.witnesses = true, c.commits[0] = 2;
    c.sessions = 3, c.commits[2] = 0;
    c.commits[1] = 1, c.mayRestore[1] = true;
  });
  b.holds("loss-merge", lossReported | recovered, [](Configuration &c) {
    c.outsiderDeletes = c.witnesses = true, c.mayMerge = true, c.sessions = 2, c.commits[0] = 2,
    c.file[1] = 0;
  });
  b.holds("loss-three", lossReported | recovered,
          [](Configuration &c) { c.outsiderDeletes = c.witnesses = true, c.commits[0] = 1, c.file[1] = 0; });
}

static void addBroken(Builder &b) {
  std::vector<Rule> sketch = {Rule::nameTellsPrevious, Rule::turnFirst, Rule::confirmTurn, Rule::confirmSeal};
  auto merges = [](Configuration &c) { c.mayMerge = true; };
  auto fork = [](Configuration &c) { forkOf(c, 1); };
  b.fails("sketch-merge", sketch, merges);
  b.fails("sketch-parts", sketch, [](Configuration &c) { c.twoParts[0] = c.twoParts[1] = true; });
  b.fails("sketch-pipelined", sketch, [](Configuration &c) { c.inFlight = 2; });
  b.fails("exists-is-ours", {Rule::bytesDecide}, [](Configuration &) {});
  b.fails("no-confirm", {Rule::confirmTurn}, merges);
  b.fails("no-confirm-seal", {Rule::confirmSeal}, [](Configuration &c) { forkOf(c, 1), c.mayMerge = true; });
  b.fails("ack-out-of-order", {Rule::unbrokenPrefix}, [](Configuration &c) { c.inFlight = 3; });
  b.fails("seal-before-base", {Rule::baseBeforeSeal}, fork);
  b.fails("mark-before-seal", {Rule::markAfterSeal}, fork);
  b.fails("base-early", {Rule::baseOfStored}, [](Configuration &c) { c.mayBase = true; });
  b.fails("merge-early", {Rule::mergeOfStored}, merges);
  b.fails("slots-outrank", {Rule::mergedOutrank}, merges);
  b.fails("merged-listed-first", {Rule::entriesListedFirst}, [](Configuration &c) {
    c.sessions = 1, c.commits[0] = 3, c.inFlight = 3, c.restoreInSteps = c.mayMerge = true;
  });
  b.fails("end-taken-for-tip", {Rule::lossBeyondEnd}, [](Configuration &c) {
    c.sessions = 1, c.commits[0] = 2, c.restoreInSteps = c.mayBase = c.lateMaintenance = true;
  });
  b.fails("no-witness", {Rule::witnessHeld},
          [](Configuration &c) { c.sessions = 1, c.commits[0] = 1, c.outsiderDeletes = c.witnesses = true; });
  b.fails("witness-early", {Rule::witnessOfStored}, [](Configuration &c) { c.witnesses = true; });
  b.fails("witness-replaced", {Rule::witnessContinued},
          [](Configuration &c) { c.outsiderDeletes = c.witnesses = true, c.mayRestore[1] = true; });
  b.fails("tip-deleted", {Rule::tipStays}, merges);
  b.fails("turns-deleted", {Rule::turnsStay}, [](Configuration &c) { c.mayMerge = true, c.commits[1] = 2; });
  b.fails("seals-deleted", {Rule::sealsStay}, [](Configuration &c) { forkOf(c, 1), c.mayRetain = true; });
  b.fails("merged-deleted-early", {Rule::largerMergedFirst}, merges);
  b.fails("pruned-unmarked", {Rule::markBeforeRetention},
          [](Configuration &c) { forkOf(c, 1), c.mayRetain = true; });
  b.fails("orphans-deleted", {Rule::orphansWait},
          [](Configuration &c) { forkOf(c, 1), c.mayRemoveOrphans = true; });
  b.fails("record-of-a-copy", {Rule::recordNamesTip}, [](Configuration &c) { c.changesByOthers[1] = true; });
  b.fails("record-of-another-file", {Rule::recordOfThisFile},
          [](Configuration &c) { c.replacedFile[0] = true; });
  b.fails("record-before-sync", {Rule::syncedBeforeRecord},
          [](Configuration &c) { c.powerLoss[0] = c.changesByOthers[0] = true; });
  b.fails("recovers-unproven", {Rule::onlyLastIsLost},
          [](Configuration &c) { c.outsiderDeletes = c.witnesses = true, c.mayRestore[1] = true; });
  b.all.back().isQuick = false;
  b.fails("recovers-without-turn", {Rule::turnAtRecord},
          [](Configuration &c) { c.outsiderDeletes = c.witnesses = true, c.mayRestore[1] = true; });
  b.fails("recovery-not-named", {Rule::sealNamesRecovered},
          [](Configuration &c) { c.outsiderDeletes = c.witnesses = true, c.commits[0] = 1; });
  b.fails("session-cloned", {},
          [](Configuration &c) { c.sessions = 2, c.clonedSession = c.mayMerge = true; });
}

std::vector<Configuration> allConfigurations() {
  Builder b;
  addProtocol(b), addGenerations(b), addMaintenance(b), addBroken(b);
  return b.all;
}
