// One state of the model: the content of the store, requests on their way, the knowledge of each
// session, and the files.
//
// A database's content is a node in a tree of commits: equal content is the same node, and a
// mixture of two branches is no node at all. Everything is packed into bit-fields, because tens of
// millions of states are kept.
#pragma once
#include <cstdint>
#include <cstring>

constexpr int sessionLimit = 4, entriesPerSession = 5, entryLimit = sessionLimit * entriesPerSession;
constexpr int fileLimit = 3, nodeLimit = 15, commitsPerSession = 3;

// Generation 0 stands for the empty replica, 1 for the one at the beginning, 2 + i for session i's.
constexpr int generationLimit = 2 + sessionLimit;
// Bases: the first one of each generation, then one that session i makes inside a generation.
constexpr int baseLimit = generationLimit + sessionLimit;

// Nodes: 0 is the content at the beginning, 1 + 3i + k is commit k of session i, and two that no session
// writes.
constexpr int changedByOthers = 13, unrelated = 14, noParent = 255;

enum Kind { nothing, slice, turn, seal };
enum Phase { notStarted, hasListed, running, ended };

// A place (generation, number, part, id of the entry before) and the content of the database there.
struct Point {
  uint32_t generation : 3, number : 4, part : 2, previous : 5, node : 4, spare : 14;
};

// An entry, and the request that creates it. Its id is its index + 1. In generation 0 a seal is the mark
// `chain/00000001.txt`.
struct Entry {
  uint64_t kind : 2, generation : 3, number : 4, part : 2, previous : 5;  // the place, which is its name
  uint64_t isLastPart : 1, lastNumber : 4, before : 4,
      after : 4;            // slice: the transactions, content before and after
  uint64_t storedUpTo : 4;  // slice: what its header says is stored
  uint64_t successor : 3, isFork : 1,
      recovers : 4;  // seal: the next generation; row f: number that it recovers
  uint64_t isSent : 1, isPresent : 1, isKnown : 1, wasDeleted : 1, spare : 19;
};

// A base: the transactions before `number` are in it. `previous` is the entry that ends with the last one.
struct Base {
  uint32_t generation : 3, number : 4, previous : 5, node : 4, isSent : 1, isPresent : 1, wasDeleted : 1,
      spare : 13;
};

// A merged object of the transactions `first` to `last`; `previous` is the last entry that it
// replaces.
struct Merged {
  uint32_t generation : 3, first : 4, last : 4, previous : 5, before : 4, after : 4, isSent : 1,
      isPresent : 1, wasDeleted : 1, spare : 5;
};

struct Session {
  uint32_t phase : 2, isConfirmed : 1, entries : 3, counted : 3, commits : 2, hasMerged : 1, hasBase : 1,
      isRecovering : 1, spare : 18;
  uint32_t listed;  // a start: the entries that it listed
  Point witness;    // a start: the witness that it read before
  Point countedAt;  // the place after the entries that are known to be created, in order
  Point sending;    // the place of the next entry to send
};

// A database file and the record beside it. The record proves nothing about a file that replaced
// this one.
struct File {
  uint8_t node, synced, isReplaced, changes, losses, spare[3];
  Point record;
};

// A restore that reads the store in steps (rule 13).
struct Reader {
  uint32_t stage : 3, generation : 3, base : 4, merged : 4, missed : 1, spare : 17;
  uint32_t entries, storedBefore;
  Point witness;
};

struct alignas(8) State {
  Entry entries[entryLimit];
  Base bases[baseLimit];
  Merged merged[sessionLimit];
  Session sessions[sessionLimit];
  File files[fileLimit];
  Reader reader;
  Point witness;                    // the stored place that `lease.txt` names
  uint8_t parent[nodeLimit];        // the tree of commits
  uint8_t storedIn[nodeLimit];      // the generation in which a transaction was stored
  uint8_t order[generationLimit];   // the S of a generation's name
  uint8_t sealOf[generationLimit];  // id of the entry that is to name it
  uint8_t marks, marksSent, losses, spare;
  uint16_t witnessed;  // what any witness has named so far
};

inline bool isAncestor(const State &s, int old, int node) {
  for (;; node = s.parent[node]) {
    if (node == old) return true;
    if (node == 0 || node == noParent) return false;
  }
}

inline int depth(const State &s, int node) {
  int result = 0;
  for (; node != 0; node = s.parent[node]) result++;
  return result;
}

// The nodes after `old` up to `node`.
inline uint32_t lineage(const State &s, int old, int node) {
  uint32_t result = 0;
  for (; node != old && node != 0; node = s.parent[node]) result |= 1u << node;
  return result;
}

inline bool changedBetween(const State &s, int old, int node) {
  return lineage(s, old, node) >> changedByOthers & 1;
}

inline uint32_t storedNodes(const State &s) {
  uint32_t result = 0;
  for (int node = 1; node < nodeLimit; node++)
    if (s.storedIn[node]) result |= 1u << node;
  return result;
}

inline bool samePlace(const Point &a, const Point &b) {
  return a.generation == b.generation && a.number == b.number && a.part == b.part && a.previous == b.previous;
}
