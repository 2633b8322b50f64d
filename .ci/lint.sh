#!/bin/sh
# Checks the form of the code: the formatter's rules, the length of files, lines and words of documents and comments, links
# between documents, and that targets import only what Package.swift lets them.
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

command -v python3 >/dev/null || { echo "lint: python3 is missing: install python3" >&2; exit 1; }
python3 Tests/Docs/prose.py

swift build --explicit-target-dependency-import-check error
