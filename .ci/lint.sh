#!/bin/sh
# Checks the form of the code: the formatter's rules, the length of files, and that targets import only what
# Package.swift lets them.
set -eu
cd "$(dirname "$0")/.."

limit=400

swift format lint --strict --parallel -r Sources Tests Package.swift

long=$(find Sources Tests -name '*.swift' -exec awk -v limit="$limit" \
  'FNR == limit + 1 { print FILENAME }' {} +)
if [ -n "$long" ]; then
  printf 'longer than %s lines: %s\n' "$limit" $long >&2
  exit 1
fi

swift build --explicit-target-dependency-import-check error
