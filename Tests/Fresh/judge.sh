#!/bin/sh
# Decides whether a run of the tests passed, and shows what failed. Usage: judge.sh LOG EXIT_CODE VERSION_OF_SQLITE3
set -eu

log=$1
code=$2
version=$3

summary=$(grep -a 'Test run with' "$log" || true)
if [ -z "$summary" ]; then
  tail -n 40 "$log"
  echo "the tests did not come to their end"
  exit 1
fi
echo "$summary"
[ "$code" -ne 0 ] || exit 0

files=$(sed -n 's/.* recorded an issue.* at \([A-Za-z0-9]*\)\.swift:[0-9:]* .*/\1/p; s/.* recorded an issue.* at \([A-Za-z0-9]*\)\.swift:[0-9:]*$/\1/p' "$log" | sort -u)
for file in $files; do grep -a -A 6 "recorded an issue.* at $file\.swift" "$log" | cut -c 1-400 | head -n 60; done
# An exit code without an issue is a crash.
echo "failed with sqlite3 $version:" ${files:-no test, but the run}
exit 1
