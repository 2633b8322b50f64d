// The model of the fenced log (Docs/Protocol.md): every interleaving within bounds, and each rule broken
// once.
//
// usage: protocol [--quick] [-l] [-t] [NAME...]
#include <cstdio>
#include <cstring>
#include "Explorer.h"

static std::string sightsIn(uint32_t sights) {
  std::string text;
  for (size_t i = 0; i < sizeof sightNames / sizeof *sightNames; i++)
    if (sights >> i & 1) text += (text.empty() ? "" : ", ") + std::string(sightNames[i]);
  return text;
}

// Runs one configuration and prints its row. Returns whether the outcome is the expected one.
static bool runOne(const Configuration &configuration, bool prints) {
  Result result = explore(configuration);
  uint32_t unseen = configuration.mustFail ? 0 : configuration.mustSee & ~result.seen;
  bool expected = result.isComplete && (result.violation != nullptr) == configuration.mustFail && !unseen;
  printf("%-24s %10llu %11llu %6.1f s  ", configuration.name.c_str(), (unsigned long long)result.states,
         (unsigned long long)result.steps, result.seconds);
  if (result.violation)
    printf("fails in %zu steps: %s", result.trace.size(), result.violation);
  else
    printf("holds (%s)", sightsIn(result.seen).c_str());
  if (unseen) printf("; never seen: %s", sightsIn(unseen).c_str());
  printf("%s\n", expected ? "" : "   NOT AS EXPECTED");
  if (result.violation && (prints || !expected)) {
    int number = 0;
    for (const std::string &line : result.trace) printf("    %2d. %s\n", ++number, line.c_str());
  }
  fflush(stdout);
  return expected;
}

int main(int count, char **arguments) {
  bool prints = false, lists = false, quick = false;
  std::vector<std::string> names;
  for (int i = 1; i < count; i++) {
    std::string argument = arguments[i];
    if (argument == "-t")
      prints = true;
    else if (argument == "-l")
      lists = true;
    else if (argument == "--quick")
      quick = true;
    else
      names.push_back(argument);
  }
  int ran = 0, wrong = 0;
  if (!lists) printf("%-24s %10s %11s %8s  %s\n", "configuration", "states", "steps", "time", "result");
  for (const Configuration &configuration : allConfigurations()) {
    bool wanted = names.empty() ? !quick || configuration.isQuick : false;
    for (const std::string &name : names) wanted |= name == configuration.name;
    if (!wanted) continue;
    ran++;
    if (lists)
      printf("%s%s\n", configuration.name.c_str(), configuration.mustFail ? " (a rule broken)" : "");
    else
      wrong += !runOne(configuration, prints);
  }
  if (lists) return 0;
  if (ran == 0) {
    fprintf(stderr, "protocol: find configuration: no such name; -l lists them\n");
    return 2;
  }
  if (wrong)
    printf("%d of %d configurations NOT AS EXPECTED\n", wrong, ran);
  else
    printf("all %d configurations as expected\n", ran);
  return wrong ? 1 : 0;
}
