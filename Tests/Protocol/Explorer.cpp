#include "Explorer.h"
#include <algorithm>
#include <chrono>

const Configuration *run = nullptr;

// A state is remembered by a fingerprint of 64 bits. Of ten million states, one is missed with a chance of 3
// in a million.
static uint64_t fingerprint(const State &s) {
  static_assert(sizeof(State) % 8 == 0, "the state is hashed word by word");
  uint64_t words[sizeof(State) / 8], hash = 0x9E3779B97F4A7C15ull;
  memcpy(words, &s, sizeof words);
  for (uint64_t word : words) {
    unsigned __int128 product = (unsigned __int128)(hash ^ word) * 0xD6E8FEB86659FD93ull;
    hash = (uint64_t(product) ^ uint64_t(product >> 64)) + 0xA0761D6478BD642Full;
  }
  hash ^= hash >> 32, hash *= 0xE7037ED1A0B428DBull, hash ^= hash >> 29;
  return hash ? hash : 1;
}

class Fingerprints {
 public:
  Fingerprints() : slots(1 << 20) {}

  bool insert(uint64_t value) {
    if (count * 10 > slots.size() * 7) grow();
    size_t mask = slots.size() - 1, i = value & mask;
    for (; slots[i]; i = (i + 1) & mask)
      if (slots[i] == value) return false;
    slots[i] = value, count++;
    return true;
  }

 private:
  std::vector<uint64_t> slots;
  size_t count = 0;

  void grow() {
    std::vector<uint64_t> old(slots.size() * 2);
    old.swap(slots);
    count = 0;
    for (uint64_t value : old)
      if (value) insert(value);
  }
};

static State initialState() {
  State s;
  memset(&s, 0, sizeof s);
  memset(s.parent, noParent, sizeof s.parent);
  s.parent[unrelated] = 0;
  if (run->isEmptyAtFirst) {
    s.parent[changedByOthers] = 0;
  } else {
    Base &b = s.bases[1];
    b.generation = 1, b.number = 1, b.isPresent = 1, b.isSent = run->lateMaintenance;
    s.order[1] = 1, s.marks = 2;
  }
  for (int f = 0; f < fileLimit; f++) {
    s.files[f].node = s.files[f].synced = run->content[f];
    if (run->content[f] || run->isEmptyAtFirst) continue;
    Point &record = s.files[f].record;
    record.generation = record.number = record.part = 1;
  }
  return s;
}

// Notes what this state shows, so that a configuration cannot hold because nothing happened.
static uint32_t sights(const State &s, const Chain &chain) {
  uint32_t seen = 0, writers = 0;
  for (int node = 1; node < changedByOthers; node++)
    if (s.storedIn[node]) writers |= 1u << (node - 1) / commitsPerSession;
  if (writers & (writers - 1)) seen |= twoWriters;
  if (chain.voidsParts) seen |= partsVoided;
  if (chain.tip.generation > 1 && s.order[chain.tip.generation] > 1) seen |= newGenerations;
  if (leftBehind(s, chain) & storedNodes(s)) seen |= forks;
  if (s.losses && (chain.provesLoss || !holds(s, chain, s.witness))) seen |= lossReported;
  for (int g = 1; g < generationLimit; g++)
    if (chain.recovered[g]) seen |= recovered;
  if (s.reader.stage == 6) seen |= restoreEnded;
  for (int i = 0; i < entryLimit; i++) {
    const Entry &e = s.entries[i];
    if (e.isPresent && !(chain.visited >> i & 1) && (chain.generations >> e.generation & 1) &&
        e.number >= chain.skippedTo[e.generation])
      seen |= strayEntries;
    if (e.isSent && !e.isPresent && e.wasDeleted) seen |= freedPlaces;
  }
  for (const Base &b : s.bases)
    if (b.wasDeleted && b.isPresent) seen |= cameBack;
  for (const Merged &m : s.merged) {
    if (m.wasDeleted && m.isPresent) seen |= cameBack;
    for (const Merged &o : s.merged)
      if (m.isPresent && o.isPresent && m.generation == o.generation && m.first < o.first &&
          o.first <= m.last && m.last < o.last)
        seen |= overlaps;
  }
  return seen;
}

namespace {
struct Origin {
  uint32_t from;
  Step step;
};
struct Frontier {
  std::vector<State> states;
  std::vector<uint32_t> indices;
  void clear() { states.clear(), indices.clear(); }
};
}  // namespace

static std::vector<std::string> traceTo(uint32_t index, const std::vector<Origin> &origins,
                                        const State &last) {
  std::vector<std::string> lines;
  for (; index; index = origins[index].from) lines.push_back(describe(origins[index].step, last));
  std::reverse(lines.begin(), lines.end());
  return lines;
}

Result explore(const Configuration &configuration) {
  run = &configuration;
  auto start = std::chrono::steady_clock::now();
  Result result;
  Fingerprints known;
  std::vector<Origin> origins{{0, {}}};
  Frontier current, next;
  State first = initialState();
  known.insert(fingerprint(first));
  current.states.push_back(first), current.indices.push_back(0);
  result.violation = violation(first, readChain(first, wholeStore(first)));
  Nexts nexts;
  while (!current.states.empty() && !result.violation) {
    for (size_t i = 0; i < current.states.size() && !result.violation; i++) {
      const State &s = current.states[i];
      Chain chain = readChain(s, wholeStore(s));
      result.seen |= sights(s, chain);
      nexts.clear();
      stepsOfStore(s, chain, nexts);
      stepsOfSessions(s, chain, nexts);
      if (run->restoreInSteps) stepsOfReader(s, nexts);
      for (const Next &step : nexts) {
        result.steps++;
        if (!known.insert(fingerprint(step.state))) continue;
        origins.push_back({current.indices[i], step.step});
        Chain after = readChain(step.state, wholeStore(step.state));
        const char *found = violation(step.state, after);
        if (!found) found = violationOfStep(chain, step.state, after);
        if (found) {
          result.violation = found;
          result.trace = traceTo(uint32_t(origins.size() - 1), origins, step.state);
          break;
        }
        next.states.push_back(step.state), next.indices.push_back(uint32_t(origins.size() - 1));
      }
    }
    std::swap(current, next);
    next.clear();
  }
  result.states = origins.size();
  result.isComplete = current.states.empty() || result.violation;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}
