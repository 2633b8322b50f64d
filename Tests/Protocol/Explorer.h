// Explores a configuration breadth first.
#pragma once
#include <string>
#include <vector>
#include "Steps.h"

struct Result {
  uint64_t states = 0, steps = 0;
  double seconds = 0;
  uint32_t seen = 0;
  const char *violation = nullptr;
  bool isComplete = false;
  std::vector<std::string> trace;  // the shortest one to the violation
};

Result explore(const Configuration &configuration);
