#!/bin/sh
# Decides whether a run of the tests passed. Usage: judge.sh LOG EXIT_CODE VERSION_OF_SQLITE3
#
# The reference of the tests is sqlite3 3.40.1. With another one those that compare with it may fail, and no others.
set -eu

log=$1
code=$2
version=$3
reference=3.40.1
compared="CommandTableTests ExplainTests GoldenTests IntendedDifferenceTests ModeTests OptionHelpTests PromptSettingTests RecoverTests UsageTests"

summary=$(grep -a 'Test run with' "$log" || true)
if [ -z "$summary" ]; then
  tail -n 40 "$log"
  echo "the tests did not come to their end"
  exit 1
fi
echo "$summary"
[ "$code" -ne 0 ] || exit 0

files=$(sed -n 's/.* recorded an issue.* at \([A-Za-z0-9]*\)\.swift:[0-9:]* .*/\1/p; s/.* recorded an issue.* at \([A-Za-z0-9]*\)\.swift:[0-9:]*$/\1/p' "$log" | sort)
unexpected=
for file in $(echo "$files" | uniq); do
  case " $compared " in
    *" $file "*) [ "$version" = "$reference" ] || continue ;;
  esac
  unexpected="$unexpected $file"
done
# An exit code without an issue is a crash.
if [ -n "$unexpected" ] || [ -z "$files" ]; then
  for file in $unexpected; do grep -a -A 6 "recorded an issue.* at $file\.swift" "$log" | cut -c 1-400 | head -n 60; done
  echo "failed:${unexpected:- no test, but the run}"
  exit 1
fi
echo "$(echo "$files" | wc -l) issues in tests that compare with sqlite3 $reference; $version is installed"
