// A trace in words.
#include "Steps.h"

static std::string name(const Entry &e, int id) {
  std::string previous = e.previous ? std::string(1, char('A' + (e.previous - 1) / entriesPerSession)) +
                                          std::to_string((e.previous - 1) % entriesPerSession)
                                    : "-";
  std::string own =
      std::string(1, char('A' + id / entriesPerSession)) + std::to_string(id % entriesPerSession);
  if (e.generation == 0) return own + " (mark chain/1 of generation " + std::to_string(e.successor) + ")";
  std::string what = e.kind == slice  ? "slice "
                     : e.kind == turn ? "turn "
                     : e.isFork       ? "seal of a fork "
                                      : "seal ";
  std::string text = what + own + " (wal/" + std::to_string(e.number) + "." + std::to_string(e.part) + "-" +
                     previous + " of generation " + std::to_string(e.generation);
  if (e.kind == slice)
    text += ", transactions " + std::to_string(e.number) + " to " + std::to_string(e.lastNumber) +
            (e.isLastPart ? "" : ", not the last part");
  if (e.kind == seal) text += ", successor " + std::to_string(e.successor);
  return text + ")";
}

static std::string name(const Merged &m) {
  return "merged object of transactions " + std::to_string(m.first) + " to " + std::to_string(m.last) +
         " of generation " + std::to_string(m.generation);
}

static std::string name(const Base &b) {
  return "base at transaction " + std::to_string(b.number - 1) + " of generation " +
         std::to_string(b.generation);
}

std::string describe(Step step, const State &s) {
  const std::string session = std::string(1, char('A' + step.who)), file = "file " + std::to_string(step.who);
  auto entry = [&](int id) { return name(s.entries[id], id); };
  switch (step.what) {
    case Does::entryLands: return "the PUT lands of " + entry(step.who);
    case Does::mergedLands: return "the PUT lands of the " + name(s.merged[step.who]);
    case Does::baseLands: return "the PUT lands of the " + name(s.bases[step.who]);
    case Does::markLands: return "the mark lands of generation " + std::to_string(step.who);
    case Does::entryDeleted: return "a DELETE removes " + entry(step.who);
    case Does::lateDelete: return "a late DELETE of the same name removes " + entry(step.who);
    case Does::mergedDeleted: return "a DELETE removes the " + name(s.merged[step.who]);
    case Does::baseDeleted: return "a DELETE removes the " + name(s.bases[step.who]);
    case Does::outsiderDeletes: return "an outsider deletes " + entry(step.who);
    case Does::restores: return session + " restores its file from the replica";
    case Does::lists: return session + " starts: reads the witness, lists wal/";
    case Does::startsFromRecord: return session + " starts from its record: nothing is listed after it";
    case Does::decides: return session + " lists the rest and decides by the table of starts";
    case Does::decidesAndMarks:
      return session + " lists the rest, writes the missing mark and decides by the table of starts";
    case Does::commits: return session + " commits locally (content " + std::to_string(step.detail) + ")";
    case Does::sendsTurn: return session + " sends " + entry(step.who * entriesPerSession);
    case Does::sendsSlice: return session + " sends its next slice";
    case Does::seals: return session + " stores a base and sends the seal of a new generation";
    case Does::recovers:
      return session +
             " reads the chain, stores a base and sends the seal of a generation that recovers what was lost";
    case Does::learns: return session + " learns that its entry was created: " + entry(step.detail);
    case Does::meetsOther:
      return session + " meets another's entry at the place of " + entry(step.detail) + ", and ends";
    case Does::counts: return session + " counts as created, with all before it: " + entry(step.detail);
    case Does::isFenced:
      return session + " does not find its first entry on the chain, and ends: " + entry(step.detail);
    case Does::storesOutOfOrder: return session + " COUNTS AS STORED OUT OF ORDER " + entry(step.detail);
    case Does::merges: return session + " makes a " + name(s.merged[step.who]);
    case Does::makesBase: return session + " makes a " + name(s.bases[generationLimit + step.who]);
    case Does::writesRecord: return session + " syncs the log and writes the record";
    case Does::writesWitness: return session + " writes its place into lease.txt";
    case Does::isCloned: return session + " is a clone of A with A's memory";
    case Does::othersChange: return "another program changes " + file;
    case Does::powerFails:
      return "the power fails: the last commit of " + file + " is lost, its sessions end";
    case Does::isReplaced: return "another database is put in the place of " + file + ", the record stays";
    case Does::readerBegins: return "a restore begins and reads the witness";
    case Does::readerReadsMark: return "the restore lists chain/";
    case Does::readerListsBases: return "the restore lists base/";
    case Does::readerListsEntries: return "the restore lists wal/";
    case Does::readerListsMerged: return "the restore lists merged/";
    case Does::readerEnds: return "the restore lists base/ again and follows the chain";
  }
  return "?";
}
