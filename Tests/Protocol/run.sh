#!/bin/sh
# Compiles the model of the fenced log and runs it. Exits with 1 if a result differs from Docs/Protocol.md.
#
# usage: Tests/Protocol/run.sh [--quick] [-l] [-t] [NAME...]
#   --quick  the small configurations and every broken rule: at most 20 seconds
#   -l       lists the configurations
#   -t NAME  prints the shortest trace to the failure of a broken rule
# CXX names the compiler; otherwise g++ or clang++, whichever is there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
compiler=${CXX:-}
for candidate in g++ clang++; do
  [ -n "$compiler" ] || ! command -v "$candidate" >/dev/null || compiler=$candidate
done
if [ -z "$compiler" ]; then
  echo "protocol: compile model: neither g++ nor clang++ is installed; apt-get install g++" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$compiler" -std=c++17 -O2 -Wall -Wextra -Werror -o "$scratch/protocol" "$here"/*.cpp
"$scratch/protocol" "$@"
